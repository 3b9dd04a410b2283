// Lets a process and its children run for a part of each period. A thread of its own, so that the
// work of the benchmark does not delay it. The first number of `shared` is the process, or 0.
import { workerData } from 'node:worker_threads'

/** @type {{ shared: Int32Array, periodMs: number, onMs: number }} */
const { shared, periodMs, onMs } = workerData
const clock = new Int32Array(new SharedArrayBuffer(4))

for (;;) {
  Atomics.wait(shared, 0, 0)
  const pid = Atomics.load(shared, 0)
  try {
    process.kill(-pid, 'SIGCONT')
    Atomics.wait(clock, 0, 0, onMs)
    process.kill(-pid, 'SIGSTOP')
    Atomics.wait(clock, 0, 0, periodMs - onMs)
  } catch {
    // The process has ended.
    Atomics.compareExchange(shared, 0, pid, 0)
  }
}
