#!/usr/bin/env bash
# A Slurm of one node on this machine, for tests: `start.sh FOLDER` starts munge and Slurm with everything in FOLDER and
# links /etc/slurm/slurm.conf to it; `start.sh --stop FOLDER` ends them. Needs root, and slurm-wlm and munge installed.
set -euo pipefail
conf=/etc/slurm/slurm.conf # the plugin takes SLURM_CONF away from the jobs

stop() {
    for daemon in slurmd slurmctld munged; do
        [ -f "$1/$daemon.pid" ] && kill "$(cat "$1/$daemon.pid")" 2>/dev/null || true
    done
}
if [ "$1" = --stop ]; then
    stop "$2"
    [ -L "$conf" ] && rm -f "$conf"
    exit 0
fi

if [ -e "$conf" ] && [ ! -L "$conf" ]; then
    echo "$conf: this machine has a Slurm of its own" >&2
    exit 1
fi
run=$(realpath -m "$1")
mkdir -p "$run/state" "$run/spool"
if ! munge -n >/dev/null 2>&1; then # none is running
    [ -s /etc/munge/munge.key ] || head -c 1024 /dev/urandom >/etc/munge/munge.key
    mkdir -p /run/munge /var/log/munge /var/lib/munge
    chown -R munge: /etc/munge /run/munge /var/log/munge /var/lib/munge
    chmod 0400 /etc/munge/munge.key
    chmod 0755 /run/munge
    chmod 0700 /var/log/munge /var/lib/munge
    runuser -u munge -- munged
    cp /run/munge/munged.pid "$run/munged.pid"
fi
cat >"$run/slurm.conf" <<CONF
ClusterName=ci
SlurmctldHost=localhost
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
StateSaveLocation=$run/state
SlurmdSpoolDir=$run/spool
SlurmctldPidFile=$run/slurmctld.pid
SlurmdPidFile=$run/slurmd.pid
SlurmctldLogFile=$run/slurmctld.log
SlurmdLogFile=$run/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=sched_min_interval=100000,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
KillWait=5
MinJobAge=600
OverTimeLimit=0
AccountingStorageType=accounting_storage/none
NodeName=localhost NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(($(awk '/MemTotal/ {print $2}' /proc/meminfo) / 1024 - 500)) State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p /etc/slurm
ln -sfn "$run/slurm.conf" "$conf"
slurmctld
slurmd -N localhost
for _ in $(seq 60); do
    sinfo --noheader --format=%t 2>/dev/null | grep -q '^idle' && exit 0
    sleep 0.5
done
echo "Slurm did not start; see $run/slurmctld.log and $run/slurmd.log" >&2
stop "$run"
exit 1
