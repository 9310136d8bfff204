"""Steps the engine's deterministic loop through what workflow code awaits, and says in which order it ran."""

import asyncio
import heapq

from temporal_do.runtime.loop import DeterministicLoop


class _Timer:
    def __init__(self, fire):
        self.fire = fire
        self.cancelled = False

    def cancel(self):
        self.cancelled = True


class _Timers:
    def __init__(self):
        self.now_ns = 0
        self.heap = []
        self.count = 0

    def start(self, delay_ns, fire):
        timer = _Timer(fire)
        self.count += 1
        heapq.heappush(self.heap, (self.now_ns + delay_ns, self.count, timer))
        return timer

    def fire_next(self):
        self.now_ns, _, timer = heapq.heappop(self.heap)
        if not timer.cancelled:
            timer.fire()


async def _workflow(number, said):
    async def step(name, seconds):
        await asyncio.sleep(seconds)
        said.append(f"{number} {name}")
        return name

    said.append(f"{number} {await asyncio.gather(step('slow', 2), step('quick', 1))}")
    try:
        async with asyncio.timeout(1):
            await step("late", 5)
    except TimeoutError:
        said.append(f"{number} timeout")
    queue = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        group.create_task(queue.put(await step("queued", 1)))
        said.append(f"{number} got {await queue.get()}")
    current = asyncio.current_task()
    said.append(f"{number} in {current.get_name()}")


def run(workflows=20):
    """What the workflows said, in order; each on a loop of its own, all on one line of time."""
    timers, said, tasks = _Timers(), [], []
    outer_task = asyncio.current_task() if asyncio._get_running_loop() else None
    for number in range(workflows):
        loop = DeterministicLoop(now_ns=lambda: timers.now_ns, start_timer=timers.start)
        tasks.append((loop, loop.create_task(_workflow(number, said))))
    while True:
        if not sum(loop.run_ready() for loop, _ in tasks):
            if not timers.heap:
                break
            timers.fire_next()
    if not all(task.done() for _, task in tasks):
        said.append("something is still pending")
    if (asyncio.current_task() if asyncio._get_running_loop() else None) is not outer_task:
        said.append("the outer task is lost")
    for loop, task in tasks:
        task.result()
        loop.close()
    return said
