"""A real SLURM of its own: two nodes on this machine, in one folder, gone when it is stopped.

`python tests/slurm/cluster.py FOLDER` starts one by hand, says how to talk to it, and stops it on
Ctrl-C. It needs root, and the programs of Debian's packages slurm-wlm and munge; it touches no
SLURM that this machine may have besides, because everything is its own: configuration, ports,
key and socket of munge.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil

PROGRAMS = ("slurmctld", "slurmd", "munged", "sbatch", "srun", "squeue", "scontrol", "sinfo")
NODES = ("n1", "n2")
CPUS = 2  # of a node; more than the machine has in all
MEMORY = 100_000  # MB of a node; not what the machine has either, but jobs are held to theirs

CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# The lifetime of a credential is also how long a requeued job has to wait.
AuthInfo=socket={folder}/munge/socket,cred_expire=10
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# A job that takes more memory than it asked for is killed, as a cluster's control groups would.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
GresTypes=gpu
ReturnToService=2
# Long enough for slow machines: the tests look at jobs that are through.
MinJobAge=3600
KillWait=30
SlurmdTimeout=20
SlurmctldTimeout=20
SchedulerParameters=batch_sched_delay=0,sched_interval=2,sched_min_interval=0
SlurmdParameters=config_overrides
NodeName={nodes} NodeHostname={host} NodeAddr=127.0.0.1 Port={node_ports} \
CPUs={cpus} RealMemory={memory} Gres=gpu:1 State=UNKNOWN
# Jobs of `urgent` take the place of others, which go back to the queue.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=all Nodes={nodes} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=urgent Nodes={nodes} MaxTime=INFINITE State=UP PriorityTier=10
"""


def obstacle() -> str:
    """Why no cluster can be started here; empty where one can."""
    if os.geteuid() != 0:
        return "SLURM's daemons need root"
    missing = [name for name in PROGRAMS if _program(name) is None]
    if missing:
        return f"not installed: {', '.join(missing)} (Debian: apt-get install slurm-wlm munge)"
    return ""


class Cluster:
    """Two nodes, n1 and n2, of `CPUS` cores and one GPU that is none (/dev/null).

    Everything lies in `folder`; `environment` is what a process needs to talk to it.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]]),
        }
        self._daemons: dict[str, subprocess.Popen] = {}

    def start(self) -> None:
        """Start all daemons and wait until both nodes are idle; RuntimeError after 60 s."""
        self._configure()
        munge = self.folder / "munge"
        self._launch(
            "munged",
            "--foreground",
            "--force",
            f"--socket={munge}/socket",
            f"--key-file={munge}/key",
            f"--pid-file={munge}/pid",
            f"--log-file={munge}/log",
            f"--seed-file={munge}/seed",
        )
        _wait_for((munge / "socket").exists, "munged", 20)
        self._launch("slurmctld", "-D", "-c")
        for node in NODES:
            self.start_node(node)
        _wait_for(lambda: self.states() == dict.fromkeys(NODES, "idle"), "idle nodes", 60)

    def stop(self) -> None:
        """End all jobs and daemons."""
        if "slurmctld" in self._daemons:
            self.run("scancel", "--user=root", "--full", check=False)
            _wait_for(lambda: not self.jobs(), "jobs to end", 30, patient=True)
        for daemon in reversed(self._daemons.values()):
            daemon.send_signal(signal.SIGTERM)
        for daemon in self._daemons.values():
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
        self._daemons.clear()

    def start_node(self, node: str) -> None:
        """Start the daemon of one node."""
        self._launch("slurmd", "-D", "-N", node, name=node)

    def lose_node(self, node: str) -> None:
        """Take one node down as a power cut would: daemon and jobs are killed, nobody is told."""
        daemon = self._daemons.pop(node)
        daemon.kill()
        # A process may start another between the look and the blow, hence more than one round.
        while doomed := _processes_of(node, self.environment["SLURM_CONF"]):
            for process in doomed:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            psutil.wait_procs(doomed, timeout=5)
        daemon.wait(10)

    def run(self, *command: str, check: bool = True) -> str:
        """Output of a SLURM command."""
        done = subprocess.run(
            command,
            env=os.environ | self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr}")
        return done.stdout

    def states(self) -> dict[str, str]:
        """State of every node."""
        lines = self.run("sinfo", "-h", "-N", "-o", "%N %T", check=False).split("\n")
        return dict(line.split() for line in lines if line.strip())

    def jobs(self) -> list[dict[str, str]]:
        """Jobs that are waiting or running, as `scontrol` describes them."""
        return [j for j in self.history() if j["JobState"] in ("PENDING", "RUNNING", "COMPLETING")]

    def history(self) -> list[dict[str, str]]:
        """All jobs of the last minutes, in the order of their numbers."""
        lines = self.run("scontrol", "-o", "show", "jobs").splitlines()
        jobs = [
            dict(field.split("=", 1) for field in line.split() if "=" in field)
            for line in lines
            if line.startswith("JobId=")
        ]
        return sorted(jobs, key=lambda job: int(job["JobId"]))

    def _configure(self) -> None:
        for name in ("state", "munge", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir(parents=True)
        (self.folder / "munge").chmod(0o755)
        key = self.folder / "munge" / "key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        # Snakemake's plugin starts a job's step without SLURM_CONF.
        srun = self.folder / "bin" / "srun"
        srun.parent.mkdir()
        conf = self.environment["SLURM_CONF"]
        srun.write_text(f'#!/bin/sh\nSLURM_CONF={conf} exec {_program("srun")} "$@"\n')
        srun.chmod(0o755)
        ports = _free_ports(1 + len(NODES))
        (self.folder / "gres.conf").write_text(
            f"NodeName=n[1-{len(NODES)}] Name=gpu File=/dev/null\n"
        )
        (self.folder / "slurm.conf").write_text(
            CONF.format(
                folder=self.folder,
                host=socket.gethostname().split(".")[0],
                nodes=f"n[1-{len(NODES)}]",
                controller_port=ports[0],
                node_ports=f"[{','.join(map(str, ports[1:]))}]",
                cpus=CPUS,
                memory=MEMORY,
            )
        )

    def _launch(self, program: str, *arguments: str, name: str = "") -> None:
        name = name or program
        with open(self.folder / f"{name}.out", "ab") as out:
            self._daemons[name] = subprocess.Popen(
                [_program(program), *arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )


def _program(name: str) -> str | None:
    return shutil.which(name, path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin")


def _processes_of(node: str, conf: str) -> list[psutil.Process]:
    """What runs for jobs on a node of this cluster: their processes, and the daemons of steps,
    which outlive the node's main daemon and carry no mark of their node themselves."""
    found = {}
    for process in psutil.process_iter():
        try:
            variables = process.environ()
            if (variables.get("SLURMD_NODENAME"), variables.get("SLURM_CONF")) != (node, conf):
                continue
            found[process.pid] = process
            above = [p for p in process.parents() if p.name().startswith("slurmstepd")]
            found |= {p.pid: p for p in above}
        except psutil.Error:
            continue  # gone, or not ours to look into
    return list(found.values())


def _free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now, ascending."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return sorted(one.getsockname()[1] for one in sockets)
    finally:
        for one in sockets:
            one.close()


def _wait_for(condition, what: str, seconds: float, patient: bool = False) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.2)
    if not patient:
        raise RuntimeError(f"no {what} after {seconds:.0f} s")


def main() -> None:
    """Start a cluster in the folder named on the command line, until Ctrl-C."""
    if reason := obstacle():
        sys.exit(f"No cluster here: {reason}.")
    cluster = Cluster(Path(sys.argv[1]).absolute())
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    try:
        cluster.start()
        for name, value in cluster.environment.items():
            print(f"export {name}={value}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        cluster.stop()


if __name__ == "__main__":
    main()
