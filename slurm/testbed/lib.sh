# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# What up, down and status share: where the testbed lives, which processes are its own, how to stop them.
# Sourced, never run. The folder's other scripts use the variables set by testbed_paths.
# shellcheck disable=SC2034

# A login shell without root has no sbin in its PATH on Debian; the daemons live there.
PATH="$PATH:/usr/sbin:/sbin"

# Unix sockets end up below the state folder (the longest: spool/h100-16/h100-16_JOBID.STEPID), and Linux allows 107
# bytes for a socket's path.
readonly kMaxStateDirLength=54

say() { printf 'testbed: %s\n' "$*" >&2; }
die() { say "$@"; exit 1; }

# show_usage SCRIPT ARGUMENT: prints the comment at the script's top and ends; an ARGUMENT other than --help is an error.
show_usage() {
  sed -n '3,/^[^#]/s/^# //p' "$1" | grep -v '^shellcheck'
  [ "$2" = --help ] && exit 0
  say "unknown option '$2'"
  exit 2
}

# Sets every path. Uses nothing of a Slurm that may already be configured in the environment.
testbed_paths() {
  state_dir=${ISOFLOP_TESTBED_DIR:-/tmp/isoflop-testbed-$(id -u)}
  case $state_dir in
    /*) ;;
    *) die "ISOFLOP_TESTBED_DIR is '$state_dir' (must be an absolute path); give one such as /tmp/testbed" ;;
  esac
  [[ $state_dir =~ ^[A-Za-z0-9/._+-]+$ ]] ||
    die "state folder '$state_dir' (slurm.conf cannot hold such characters); use letters, digits and / . _ + -"
  [ "${#state_dir}" -le $kMaxStateDirLength ] ||
    die "state folder '$state_dir' (${#state_dir} characters; sockets below it need a path of at most" \
      "$kMaxStateDirLength); set ISOFLOP_TESTBED_DIR to a shorter one"
  slurm_conf=$state_dir/etc/slurm.conf
  munge_socket=$state_dir/run/munge.socket
  job_records=$state_dir/log/jobs.txt
  unset "${!SLURM_@}" "${!SBATCH_@}" "${!SQUEUE_@}" "${!SINFO_@}"
  export SLURM_CONF=$slurm_conf
}

# Creates the state folder, or refuses one that is not a testbed's. Holds its lock (file descriptor 9) until exit.
claim_state_dir() {
  if [ -e "$state_dir" ]; then
    { [ -O "$state_dir" ] && [ -d "$state_dir" ] && [ ! -L "$state_dir" ]; } || die "state folder '$state_dir' is not a folder of yours; set ISOFLOP_TESTBED_DIR"
    if [ ! -e "$state_dir/.isoflop-testbed" ] && [ -n "$(ls -A "$state_dir")" ]; then
      die "state folder '$state_dir' is not empty and not a testbed's; set ISOFLOP_TESTBED_DIR to a new folder"
    fi
  else
    mkdir -p "$state_dir" || die "cannot create the state folder '$state_dir'; set ISOFLOP_TESTBED_DIR"
  fi
  # Private: without root the daemons run every job as the user who started them, so nobody else may submit.
  chmod 700 "$state_dir"
  : >"$state_dir/.isoflop-testbed"
  exec 9>"$state_dir/.lock"
  flock -w 60 9 || die "another up or down has held '$state_dir/.lock' for 60 s; wait for it to end"
}

# process_has PID cmdline|environ PATTERN: true if an argument or a variable of the process matches the glob pattern. Both
# files are empty for a zombie. No subprocess: this runs for every process of the user.
process_has() {
  local word words=()
  mapfile -d '' words <"/proc/$1/$2"
  for word in "${words[@]}"; do
    # shellcheck disable=SC2053 # a pattern is meant
    [[ $word == $3 ]] && return 0
  done
  return 1
} 2>/dev/null

# True if process $1 holds a file of the state folder open.
holds_state_file() {
  local fd
  for fd in "/proc/$1/fd/"*; do
    case $(readlink "$fd") in "$state_dir"/*) return 0 ;; esac
  done
  return 1
} 2>/dev/null

# True if process $1 is part of a job that a node of this testbed started. (The shell of a user's salloc has SLURM_CONF
# and SLURM_JOB_ID too, but no SLURMD_NODENAME: it is never touched.)
is_job_process() {
  process_has "$1" environ "SLURM_CONF=$slurm_conf" && process_has "$1" environ 'SLURMD_NODENAME=*'
}

# Prints "PID KIND" of each process of this testbed; KIND is munged, slurmctld, slurmd, slurmstepd or job.
# Found by what the processes are, not by pid files, so that an `up` that was killed half way is seen too. slurmstepd and
# slurmctld's helper slurmscriptd write their own title over their arguments, hence the look at their open files.
testbed_processes() {
  local proc pid program
  for proc in /proc/[0-9]*; do
    [ -O "$proc" ] || continue
    pid=${proc#/proc/}
    read -r program 2>/dev/null <"$proc/comm" || continue
    case $program in
      munged) process_has "$pid" cmdline "--socket=$munge_socket" && echo "$pid munged" ;;
      slurmctld | slurmd) process_has "$pid" cmdline "$slurm_conf" && echo "$pid $program" ;;
      slurmscriptd) holds_state_file "$pid" && echo "$pid slurmctld" ;;
      slurmstepd) holds_state_file "$pid" && echo "$pid slurmstepd" ;;
      *) is_job_process "$pid" && echo "$pid job" ;;
    esac
  done
  return 0
}

# Pids of the kinds given, e.g. `pids_of slurmd slurmctld`.
pids_of() {
  local kinds=" $* " pid kind
  testbed_processes | while read -r pid kind; do
    [[ $kinds == *" $kind "* ]] && echo "$pid"
  done
  return 0
}

# stop_kinds SIGNAL SECONDS KIND...: sends SIGNAL, waits up to SECONDS for all of them to end, then SIGKILL.
stop_kinds() {
  local signal=$1 seconds=$2 pids
  shift 2
  pids=$(pids_of "$@")
  [ -n "$pids" ] || return 0
  # shellcheck disable=SC2086 # one word per pid is meant
  kill -s "$signal" $pids 2>/dev/null
  wait_until "$seconds" none_of "$@" && return 0
  # shellcheck disable=SC2046
  kill -s KILL $(pids_of "$@") 2>/dev/null
  wait_until 5 none_of "$@" || die "process $(pids_of "$@" | tr '\n' ' ')does not end even on SIGKILL"
}

none_of() { [ -z "$(pids_of "$@")" ]; }

# wait_until SECONDS COMMAND...: runs COMMAND every 0.1 s until it succeeds; false when the time is over.
wait_until() {
  local deadline=$((SECONDS + $1 + 1))
  shift
  until "$@"; do
    [ $SECONDS -lt $deadline ] || return 1
    sleep 0.1
  done
}

# A client command of Slurm, bounded: without a controller, clients retry for minutes.
client() { timeout -k 2 10 "$@" 9>&-; }

cancel_jobs() {
  local jobs
  jobs=$(client squeue --noheader --format=%A 2>/dev/null | sort -u)
  [ -n "$jobs" ] || return 0
  # shellcheck disable=SC2086
  client scancel $jobs 2>/dev/null
  wait_until 5 none_of slurmstepd || return 0
}

# Ends every process of this testbed: jobs first, munged last, because the daemons cannot say goodbye without it.
stop_testbed() {
  none_of slurmctld || cancel_jobs
  stop_kinds TERM 10 slurmctld
  stop_kinds TERM 10 slurmd
  stop_kinds KILL 5 job
  stop_kinds KILL 5 slurmstepd
  stop_kinds KILL 5 job
  stop_kinds TERM 5 munged
}
