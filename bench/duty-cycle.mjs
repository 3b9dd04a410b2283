// Lets a process and its children run for a part of each period. A thread of its own, so that the
// work of the benchmark does not delay it.
import { workerData } from 'node:worker_threads'

const { pid, periodMs, onMs } = workerData
const clock = new Int32Array(new SharedArrayBuffer(4))

try {
  for (;;) {
    process.kill(-pid, 'SIGCONT')
    Atomics.wait(clock, 0, 0, onMs)
    process.kill(-pid, 'SIGSTOP')
    Atomics.wait(clock, 0, 0, periodMs - onMs)
  }
} catch {
  // The process has ended.
}
