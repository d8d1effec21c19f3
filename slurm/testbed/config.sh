# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The virtual cluster: its nodes, and the slurm.conf, gres.conf, mpi.conf and cgroup.conf that describe it. README.md in
# this folder's parent says why each unusual setting is there. Sourced after lib.sh, which sets the paths.
# shellcheck disable=SC2154

readonly kCpuNodes='cpu[1-2]' kGpuNodes='h100-[01-16]'
# With a file of nodes of its own (up --nodes) a testbed has a controller alone.
if [ -n "${nodes_file:-}" ]; then readonly kNodeNames=(); else readonly kNodeNames=(cpu1 cpu2 h100-{01..16}); fi
readonly kPorts=$((${#kNodeNames[@]} + 1))  # one for slurmctld, one per slurmd

# One GPU node looks like an Azure ND H100 v5: 96 cores, 1900 GiB, 8 H100
# (https://learn.microsoft.com/azure/virtual-machines/sizes/gpu-accelerated/ndh100v5-series).
readonly kGpuNodeSockets=2 kGpuNodeCoresPerSocket=48 kGpuNodeMiB=1945600 kGpusPerNode=8

# Prints the ports on which something listens, in decimal.
listening_ports() {
  local local_address state
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | while read -r _ local_address _ state _; do
    [ "$state" = 0A ] && echo $((16#${local_address##*:}))
  done
  return 0
}

# Prints the first port of a free block of kPorts ports, below the range from which the kernel serves clients (32768 up).
free_port_block() {
  local used attempt base port
  used=" $(listening_ports | tr '\n' ' ') "
  for attempt in {1..50}; do
    base=$((20000 + RANDOM % 12000))
    for ((port = base; port < base + kPorts; port++)); do
      [[ $used == *" $port "* ]] && continue 2
    done
    echo "$base"
    return 0
  done
  die "no block of $kPorts free TCP ports between 20000 and 32000 ($attempt tries); see /proc/net/tcp"
}

# MiB of memory that each of the two cpu nodes may offer: they share this machine's.
cpu_node_mib() { awk '/^MemTotal:/ {print int($2 / 1024 / 2)}' /proc/meminfo; }

# write_config PORT: fills the state folder for a cluster on ports PORT to PORT + kPorts - 1.
write_config() {
  local port=$1 host user gpu cpu_mib node
  host=$(hostname -s) user=$(id -un) cpu_mib=$(cpu_node_mib)
  rm -rf "${state_dir:?}"/{etc,log,run,spool,ctld,dev,tmp}
  mkdir -p "$state_dir"/{etc,log,run,spool,ctld,dev,tmp}
  for node in "${kNodeNames[@]}"; do
    mkdir -p "$state_dir/spool/$node" "$state_dir/tmp/$node"
  done
  for ((gpu = 0; gpu < kGpusPerNode; gpu++)); do
    ln -s /dev/null "$state_dir/dev/gpu$gpu"
  done
  (umask 077 && head -c 1024 /dev/urandom >"$state_dir/etc/munge.key")
  write_slurm_conf "$port" "$host" "$user" "$cpu_mib" >"$slurm_conf"
  [ -n "${nodes_file:-}" ] || echo "NodeName=$kGpuNodes Name=gpu Type=h100 File=$state_dir/dev/gpu[0-$((kGpusPerNode - 1))]" >"$state_dir/etc/gres.conf"
  write_mpi_conf >"$state_dir/etc/mpi.conf"
  echo 'CgroupPlugin=cgroup/v1' >"$state_dir/etc/cgroup.conf"
  write_env >"$state_dir/env.sh"
}

# On a machine that has only the loopback device, the C library refuses to resolve even 127.0.0.1 for IPv4 alone
# (AI_ADDRCONFIG, which Slurm and getent both set); asked for both families, it does.
ipv6_parameter() { getent ahostsv4 127.0.0.1 >/dev/null || echo ,EnableIPv6; }

write_slurm_conf() {
  local port=$1 host=$2 user=$3 cpu_mib=$4
  cat <<CONF
ClusterName=isoflop-testbed
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$user
SlurmdUser=$user
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny$(ipv6_parameter)

AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$munge_socket,cred_expire=10

StateSaveLocation=$state_dir/ctld
SlurmctldPidFile=$state_dir/run/slurmctld.pid
SlurmctldLogFile=$state_dir/log/slurmctld.log
SlurmdPidFile=$state_dir/run/slurmd-%n.pid
SlurmdLogFile=$state_dir/log/slurmd-%n.log
SlurmdSpoolDir=$state_dir/spool/%n
TmpFS=$state_dir/tmp/%n

SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none

SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
GresTypes=gpu
EnforcePartLimits=ALL
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdTimeout=20

AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=$job_records

$(write_nodes "$port" "$host" "$cpu_mib")
CONF
}

# Nodes of a file, State=CLOUD each, count as there although nobody answers for them.
write_nodes() {
  local port=$1 host=$2 cpu_mib=$3
  if [ -n "${nodes_file:-}" ]; then
    printf 'SuspendProgram=/bin/true\nResumeProgram=/bin/true\nSuspendTime=1\n'
    cat "$nodes_file"
    return
  fi
  cat <<CONF
NodeName=$kCpuNodes NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 1))-$((port + 2))] Sockets=1 CoresPerSocket=2 ThreadsPerCore=1 RealMemory=$cpu_mib Feature=cpu
NodeName=$kGpuNodes NodeHostname=$host NodeAddr=127.0.0.1 Port=[$((port + 3))-$((port + 18))] Sockets=$kGpuNodeSockets CoresPerSocket=$kGpuNodeCoresPerSocket ThreadsPerCore=1 RealMemory=$kGpuNodeMiB Gres=gpu:h100:$kGpusPerNode Feature=h100
PartitionName=cpu Nodes=$kCpuNodes Default=YES MaxTime=24:00:00 DefaultTime=10 DefMemPerCPU=$((cpu_mib / 2)) PriorityTier=1 GraceTime=30 State=UP
PartitionName=urgent Nodes=$kCpuNodes MaxTime=1:00:00 DefaultTime=10 DefMemPerCPU=$((cpu_mib / 2)) PriorityTier=2 PreemptMode=OFF State=UP
PartitionName=h100 Nodes=$kGpuNodes MaxTime=24:00:00 DefaultTime=10 DefMemPerCPU=$((kGpuNodeMiB / (kGpuNodeSockets * kGpuNodeCoresPerSocket))) State=UP
CONF
}

write_mpi_conf() {
  cat <<CONF
PMIxDirectConn=false
PMIxEnv=OMPI_MCA_btl=self,tcp;OMPI_MCA_btl_tcp_if_include=lo;OMPI_MCA_mpi_yield_when_idle=1
CONF
}

# The environment a user of the testbed needs; what jobs need is in mpi.conf, so that it reaches them in any case.
write_env() {
  echo "export SLURM_CONF=$slurm_conf"
  if [ "$(id -u)" -eq 0 ]; then
    echo "export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1"
  fi
}
