"""Where lessons run: threads of this process, or the workers of a Dask cluster."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

from helpers.syllabus import UsageError
from helpers.workbook.execute import Job, execute
from helpers.workbook.outcomes import DEAD_KERNEL, Result


class Pool:
    """The Dask pool: threads here, each waiting for the process that runs its lesson, or a cluster's workers."""

    def __init__(self, scheduler: str | None, jobs: int):
        from distributed import Client, LocalCluster, as_completed

        self.cluster, self.run = None, uuid4().hex
        if scheduler is None:
            self.cluster = LocalCluster(
                n_workers=1,
                threads_per_worker=jobs,
                processes=False,
                dashboard_address=":0",
                memory_limit=None,
            )
        try:
            self.client = Client(self.cluster or scheduler, timeout=15)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"No Dask scheduler answers at {scheduler}. Start one (`dask scheduler`) or leave --scheduler out."
            ) from error
        if scheduler and not self.client.nthreads():
            self.client.close()
            raise UsageError(
                f"The scheduler at {scheduler} has no workers. Start some: `dask worker {scheduler} --nthreads 1`."
            )
        # Of its own client: the default one may be that of another run in this process, and closed by then
        self.waiting = as_completed(loop=self.client.loop)

    def submit(self, job: Job, digest: str, place: int) -> Any:
        """Run the job; of those that wait for a worker, the one with the lowest place is next.

        The key names this run: a cluster's scheduler would give another run's result for a key that it knows.
        """
        key = f"{job.name}-{digest}-{place}-{self.run}"
        future = self.client.submit(execute, job, key=key, pure=False, priority=-place, retries=1)
        self.waiting.add(future)
        return future

    def ended(self) -> Iterator[tuple[Any, Result]]:
        """Futures with their results as they end, also of jobs that are submitted meanwhile."""
        for future in self.waiting:
            yield future, self._result(future)

    def _result(self, future: Any) -> Result:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result()
        except (KilledWorker, CancelledError) as error:
            return Result(DEAD_KERNEL, f"The worker running it was lost: {type(error).__name__}.")
        # A worker's machine may have no room or no helpers: the others' lessons go on
        except Exception as error:  # noqa: BLE001
            return Result(DEAD_KERNEL, f"It could not be run: {error!r:.300}")

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error:
            return  # closing would wait half a minute for lessons that run; they end with this process
        self.client.close()
        if self.cluster:
            self.cluster.close()
