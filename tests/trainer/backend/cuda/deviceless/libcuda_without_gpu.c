/* SPDX-License-Identifier: MIT */
/* A CUDA driver library of a machine that has a driver but no GPU: the functions that cuDNN 9.19 looks up when it compiles a
 * plan. It asks how many GPUs there are and, told none, compiles for the one that is described to it. Nothing else is called. */

enum { CUDA_SUCCESS = 0, CUDA_ERROR_NO_DEVICE = 100 };

int cuDeviceGetCount(int* count) {
  *count = 0;
  return CUDA_SUCCESS;
}

#define NO_DEVICE(name) \
  int name(void);       \
  int name(void) { return CUDA_ERROR_NO_DEVICE; }

NO_DEVICE(cuCtxGetCurrent)
NO_DEVICE(cuCtxGetLimit)
NO_DEVICE(cuCtxPopCurrent)
NO_DEVICE(cuCtxPushCurrent)
NO_DEVICE(cuDeviceGet)
NO_DEVICE(cuDriverGetVersion)
NO_DEVICE(cuGetErrorName)
NO_DEVICE(cuGetErrorString)
NO_DEVICE(cuInit)
NO_DEVICE(cuKernelGetAttribute)
NO_DEVICE(cuKernelSetAttribute)
NO_DEVICE(cuLaunchCooperativeKernel)
NO_DEVICE(cuLaunchKernel)
NO_DEVICE(cuLaunchKernelEx)
NO_DEVICE(cuLibraryGetKernel)
NO_DEVICE(cuLibraryLoadData)
NO_DEVICE(cuLibraryLoadFromFile)
NO_DEVICE(cuLibraryUnload)
NO_DEVICE(cuLinkAddData)
NO_DEVICE(cuLinkComplete)
NO_DEVICE(cuLinkCreate)
NO_DEVICE(cuLinkDestroy)
NO_DEVICE(cuOccupancyMaxPotentialClusterSize)
NO_DEVICE(cuStreamGetCtx)
