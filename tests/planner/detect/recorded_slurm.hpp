// SPDX-License-Identifier: MIT
#pragma once

/// Texts in the forms that Slurm's versions print, with made-up hosts.
namespace isoflop::test {

/// scontrol show node -o, Slurm 23.11: two usable H100 nodes, a drained one, a CPU node.
inline constexpr const char* kNodesSlurm23 =
    "NodeName=gpu01 Arch=x86_64 CoresPerSocket=48 CPUAlloc=0 CPUEfctv=94 CPUTot=96 CPULoad=0.08 "
    "AvailableFeatures=h100,ib,ndr ActiveFeatures=h100,ib,ndr "
    "Gres=gpu:nvidia_h100_80gb_hbm3:8(S:0-1) NodeAddr=gpu01 NodeHostName=gpu01 Version=23.11.4 "
    "OS=Linux 5.15.0-105-generic #115-Ubuntu SMP Mon Apr 15 09:52:04 UTC 2024 RealMemory=2063000 "
    "AllocMem=0 FreeMem=2011000 Sockets=2 Boards=1 MemSpecLimit=8192 State=IDLE ThreadsPerCore=1 "
    "TmpDisk=0 Weight=1 Owner=N/A MCS_label=N/A Partitions=gpu,long "
    "BootTime=2024-05-02T10:00:00 SlurmdStartTime=2024-05-02T10:02:00 "
    "CfgTRES=cpu=94,mem=2063000M,billing=94,gres/gpu=8 AllocTRES= CapWatts=n/a\n"
    "NodeName=gpu02 Arch=x86_64 CoresPerSocket=48 CPUAlloc=94 CPUEfctv=94 CPUTot=96 "
    "AvailableFeatures=h100,ib,ndr ActiveFeatures=h100,ib,ndr "
    "Gres=gpu:nvidia_h100_80gb_hbm3:8(S:0-1) RealMemory=2060000 MemSpecLimit=8192 Sockets=2 "
    "State=ALLOCATED ThreadsPerCore=1 Partitions=gpu,long "
    "CfgTRES=cpu=94,mem=2060000M,billing=94,gres/gpu=8\n"
    "NodeName=gpu03 CPUEfctv=94 CPUTot=96 ActiveFeatures=h100,ib,ndr "
    "Gres=gpu:nvidia_h100_80gb_hbm3:8(S:0-1) RealMemory=2063000 Sockets=2 State=IDLE+DRAIN "
    "Partitions=gpu,long Reason=NVLink error Gres=bad [root@2024-05-02T10:00:00]\n"
    "NodeName=cpu01 CPUEfctv=128 CPUTot=128 ActiveFeatures=(null) Gres=(null) RealMemory=256000 "
    "Sockets=2 State=IDLE ThreadsPerCore=2 Partitions=cpu\n";

/// The same of Slurm 17: no CPUEfctv, Features instead of ActiveFeatures.
inline constexpr const char* kNodesSlurm17 =
    "NodeName=v01 Arch=x86_64 CoresPerSocket=20 CPUAlloc=0 CPUErr=0 CPUTot=40 CPULoad=0.01 "
    "Features=v100,edr Gres=gpu:v100:4(S:0,1) NodeAddr=v01 NodeHostName=v01 OS=Linux "
    "RealMemory=380000 AllocMem=0 Sockets=2 Boards=1 State=IDLE ThreadsPerCore=1 Partitions=gpu\n"
    "NodeName=v02 CPUTot=40 Features=v100,edr Gres=gpu:v100:4(S:0,1) RealMemory=380000 Sockets=2 "
    "State=DOWN* Partitions=gpu Reason=Not responding [slurm@2018-01-01T00:00:00]\n";

/// scontrol show partition -o.
inline constexpr const char* kPartitions =
    "PartitionName=gpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL AllocNodes=ALL Default=YES "
    "QoS=N/A DefaultTime=01:00:00 DisableRootJobs=NO Hidden=NO MaxNodes=UNLIMITED "
    "MaxTime=1-00:00:00 MinNodes=0 MaxCPUsPerNode=UNLIMITED Nodes=gpu[01-03] RootOnly=NO "
    "OverSubscribe=NO State=UP TotalCPUs=288 TotalNodes=3 DefMemPerNode=UNLIMITED "
    "MaxMemPerNode=UNLIMITED TRES=cpu=288,node=3,gres/gpu=24\n"
    "PartitionName=long AllowGroups=ml AllowAccounts=proj1,proj2 AllowQos=long MaxNodes=1 "
    "MaxTime=7-00:00:00 MaxCPUsPerNode=64 Nodes=gpu[01-03] RootOnly=NO State=UP DefMemPerCPU=4000 "
    "MaxMemPerNode=1000000\n"
    "PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL AllowQos=ALL MaxNodes=UNLIMITED "
    "MaxTime=UNLIMITED Nodes=cpu01 RootOnly=NO State=UP\n"
    "PartitionName=old AllowGroups=ALL MaxTime=UNLIMITED Nodes=(null) State=INACTIVE\n";

/// sinfo -h -a -e -o "%R|%a|%l|%D|%T|%c|%m|%G|%f|%N".
inline constexpr const char* kSinfo =
    "gpu|up|2-00:00:00|14|idle|64|512000|gpu:a100:4(S:0-3)|a100_40gb,hdr|g[01-14]\n"
    "gpu|up|2-00:00:00|2|drained|64|512000|gpu:a100:4(S:0-3)|a100_40gb,hdr|g[15-16]\n"
    "gpu|up|2-00:00:00|1|mixed|64|1030000|gpu:8|a100_80gb|h01\n"
    "debug|up|30:00|2|idle|32|128000|(null)|(null)|d[1-2]\n";

}  // namespace isoflop::test
