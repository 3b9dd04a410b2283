import { spawn } from 'node:child_process'

/** The processes of all functions. They never outlive the gateway, even if it is killed. */
export interface Processes {
  watch(pid: number): void
  /** Call it when the process has ended: the system may give its pid to another process. */
  forget(pid: number): void
  pids(): number[]
  /** Kills all processes and waits for their end. Kills later processes at once. */
  close(): Promise<void>
}

// Windows has no SIGSTOP. There a process runs on between invocations, unlike on Lambda.
export const CAN_FREEZE = process.platform !== 'win32'

/** The reaper also deletes the folder `temporary` when the gateway has ended. */
export function watchProcesses(temporary: string): Processes {
  const alive = new Set<number>()
  const tellReaper = startReaper(temporary)
  let closed: { resolve(): void } | undefined

  return {
    watch(pid) {
      alive.add(pid)
      tellReaper(`+ ${pid}\n`)
      if (closed) signal(pid, 'SIGKILL')
    },
    forget(pid) {
      alive.delete(pid)
      tellReaper(`- ${pid}\n`)
      if (alive.size === 0) closed?.resolve()
    },
    pids: () => [...alive],
    async close() {
      for (const pid of alive) signal(pid, 'SIGKILL')
      await new Promise<void>(resolve => {
        closed = { resolve }
        if (alive.size === 0) resolve()
      })
      tellReaper(undefined)
    },
  }
}

/** Signals the process group of `pid`, so that its children get the signal too. */
export function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL') {
  if (!CAN_FREEZE && name !== 'SIGKILL') return
  try {
    process.kill(CAN_FREEZE ? -pid : pid, name)
  } catch {
    // The process has already ended.
  }
}

// A shell that reads pids from its stdin. The kernel closes that pipe when the gateway ends, also
// after SIGKILL. The shell then kills the processes that are still on its list. SIGKILL also ends
// stopped processes.
const REAPER = `
trap '' INT TERM HUP
pids=' '
while read -r sign pid; do
  case $sign in
    +) pids="$pids$pid " ;;
    -) case $pids in *" $pid "*) pids="\${pids%% $pid *} \${pids#* $pid }" ;; esac ;;
  esac
done
for pid in $pids; do kill -9 -$pid 2>/dev/null; done
rm -rf -- "$1"
`

function startReaper(temporary: string): (line: string | undefined) => void {
  // Without SIGSTOP the processes are awake and end themselves when their Runtime API has ended.
  if (!CAN_FREEZE) return () => {}

  const shell = spawn('/bin/sh', ['-c', REAPER, 'reaper', temporary], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // If the reaper is killed, the gateway goes on. A broken pipe must not end it.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()

  return line => (line === undefined ? shell.stdin.end() : shell.stdin.write(line))
}
