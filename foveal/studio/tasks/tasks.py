"""Long work of the studio, on threads: its progress as events, and an end at any time."""

from __future__ import annotations

import secrets
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from foveal.errors import Error, UsageError
from foveal.files import disk_error
from foveal.progress import Progress
from foveal.serving.logs import Log
from foveal.studio.events import Events

MAX_KEPT_TASKS = 200
_EVENT_SECONDS = 0.2
_WAIT_SECONDS = 0.02
TaskState = Literal["running", "done", "failed", "cancelled"]
Work = Callable[["TaskProgress"], dict[str, Any]]


class Cancelled(Error):
    """A person ended the work."""

    def __init__(self) -> None:
        super().__init__("cancelled")


@dataclass(eq=False)
class Task:
    """One piece of work; run: the one it is about.  error: one sentence where it failed."""

    id: str
    project: str
    kind: str
    run: str = ""
    state: TaskState = "running"
    what: str = ""
    done: float = 0
    total: float | None = None
    note: str = ""
    error: str | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def to_data(self) -> dict[str, Any]:
        """The data of its events."""
        names = ("id", "kind", "state", "what", "done", "total", "note", "error")
        return {name: getattr(self, name) for name in names}


class TaskProgress(Progress):
    """What work reports to; raises Cancelled in the work once a person has ended it."""

    def __init__(self, task: Task, publish: Callable[[Task], None]) -> None:
        self.task, self._publish = task, publish
        self._sent_at = 0.0
        self.published = False

    def __call__(self, what: str, done: float, total: float | None, note: str = "") -> None:
        """Publish it, unless that was done just now."""
        self.check()
        task = self.task
        task.what, task.done, task.total, task.note = what, done, total, note
        now = time.monotonic()
        if now - self._sent_at >= _EVENT_SECONDS:
            self._sent_at, self.published = now, True
            self._publish(task)

    def check(self) -> None:
        """Raise Cancelled where the work was ended."""
        if self.task.stop.is_set():
            raise Cancelled


class Tasks:
    """The tasks of one studio."""

    def __init__(self, events: Events, log: Log) -> None:
        self._events, self._log = events, log
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._threads: list[threading.Thread] = []
        self._ended = False

    def start(self, project: str, kind: str, work: Work, run: str = "") -> str:
        """Begin work on a thread and return the task's id; run: that it is about, if any.

        While one of this kind runs for the project, that one's id is returned and nothing begins;
        one that is about another run is ended instead.
        """
        with self._lock:
            before = self._latest(project, kind)
            if before is not None and before.state == "running" and before.run == run:
                return before.id
            if before is not None:
                before.stop.set()
            task = self._new(project, kind, run)
            thread = threading.Thread(target=self._work, args=(task, work), daemon=True)
            self._threads = [each for each in self._threads if each.is_alive()] + [thread]
        self._publish(task)
        thread.start()
        return task.id

    def run(self, project: str, kind: str, work: Work, run: str = "") -> dict[str, Any]:
        """Do the work on this thread and return its result; what it raises is raised.

        run: that it is about, if any.  Pages hear of it only where the work reports progress: short
        work is no task to show.
        """
        with self._lock:
            task = self._new(project, kind, run)
        progress = TaskProgress(task, self._publish)
        try:
            result = work(progress)
            task.state = "done"
            return result
        except Error as error:
            task.state = "cancelled" if isinstance(error, Cancelled) else "failed"
            task.error = str(error)
            raise
        finally:
            if task.state == "running":
                task.state = "failed"
            if progress.published:
                self._publish(task)

    def latest(self, project: str, kind: str) -> Task | None:
        """The newest task of a kind."""
        with self._lock:
            return self._latest(project, kind)

    def running(self, project: str) -> list[Task]:
        """The tasks of a project that are not over, oldest first."""
        with self._lock:
            tasks = list(self._tasks.values())
        return [one for one in tasks if one.project == project and one.state == "running"]

    def cancel(self, project: str, task: str) -> None:
        """End a task at its next step.  Raises UsageError where there is none of this id."""
        with self._lock:
            found = self._tasks.get(task)
        if found is None or found.project != project:
            raise UsageError("there is no task of this id; it is over, or was of an earlier start")
        found.stop.set()

    def cancel_all(self, project: str, kind: str) -> None:
        """End those of a kind that run, at their next step."""
        for task in self.running(project):
            if task.kind == kind:
                task.stop.set()

    def end_of(self, project: str, run: str | None = None, seconds: float = 3.0) -> None:
        """End those of a project, or of one run of it, and wait for them a little."""
        running = [one for one in self.running(project) if run in (None, one.run)]
        for task in running:
            task.stop.set()
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and any(one.state == "running" for one in running):
            time.sleep(_WAIT_SECONDS)

    def end(self) -> None:
        """End all tasks at their next step, also those that begin from now on: the studio stops."""
        with self._lock:
            self._ended = True
            tasks = list(self._tasks.values())
        for task in tasks:
            task.stop.set()

    def close(self, seconds: float = 3.0) -> None:
        """End all tasks and wait for them a little: the studio stops."""
        self.end()
        with self._lock:
            threads = list(self._threads)
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _work(self, task: Task, work: Work) -> None:
        try:
            work(TaskProgress(task, self._publish))
            task.state = "done"
        except Cancelled:
            task.state = "cancelled"
        except Error as error:
            task.error, task.state = str(error), "failed"
        except OSError as error:
            self._log("task failed", level="error", traceback=traceback.format_exc(limit=20))
            task.error, task.state = str(disk_error(error)), "failed"
        except Exception:
            self._log("task failed", level="error", traceback=traceback.format_exc(limit=20))
            task.error = "the studio failed; the terminal it runs in has the details"
            task.state = "failed"
        self._publish(task)

    def _new(self, project: str, kind: str, run: str) -> Task:
        task = Task(secrets.token_hex(6), project, kind, run)
        if self._ended:
            task.stop.set()
        self._tasks[task.id] = task
        over = [each for each in self._tasks.values() if each.state != "running"]
        for old in over[: max(0, len(self._tasks) - MAX_KEPT_TASKS)]:
            del self._tasks[old.id]
        return task

    def _latest(self, project: str, kind: str) -> Task | None:
        tasks = reversed(list(self._tasks.values()))
        return next((one for one in tasks if one.project == project and one.kind == kind), None)

    def _publish(self, task: Task) -> None:
        self._events.publish(task.project, "task", task.to_data())
