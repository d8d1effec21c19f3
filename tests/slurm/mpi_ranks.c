// SPDX-License-Identifier: MIT
// Prints one line per rank: "rank R of P on NODE sum S", S = 1 + ... + P from an all-reduce large enough to use the
// transport between ranks and not only the small-message path.
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

enum { kCount = 1 << 18 };

int main(int argc, char** argv) {
  static int ours[kCount], sums[kCount];
  int rank = 0, ranks = 0;
  MPI_Init(&argc, &argv);
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  for (int i = 0; i < kCount; ++i) ours[i] = rank + 1;
  for (int repeat = 0; repeat < 10; ++repeat) {
    MPI_Allreduce(ours, sums, kCount, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
  }
  const char* node = getenv("SLURMD_NODENAME");
  printf("rank %d of %d on %s sum %d\n", rank, ranks, node ? node : "?", sums[kCount - 1]);
  MPI_Finalize();
  return 0;
}
