import { spawn } from 'node:child_process'

/** The processes of all functions. None of them outlives the gateway, however that ends. */
export interface Processes {
  watch(pid: number): void
  /** Once it has ended: its pid may soon be another process's. */
  forget(pid: number): void
  pids(): number[]
  /** Kills all and waits for their end. One that is watched later is killed at once. */
  close(): Promise<void>
}

// Windows cannot stop a process from outside: there it runs on between invocations, unlike on Lambda.
export const CAN_FREEZE = process.platform !== 'win32'

/** With them goes `temporary`, a folder. */
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

/** Each process leads a group, so that a signal reaches what it has started itself; SIGKILL reaches stopped ones. */
export function signal(pid: number, name: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL') {
  if (!CAN_FREEZE && name !== 'SIGKILL') return
  try {
    process.kill(CAN_FREEZE ? -pid : pid, name)
  } catch {
    // it has ended already
  }
}

// Its stdin is a pipe of ours. The kernel closes that whatever happens to us, SIGKILL included, and what is
// then still on the list is killed, stopped processes too.
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
  // Where processes cannot be frozen they end themselves when their server is gone.
  if (!CAN_FREEZE) return () => {}

  const shell = spawn('/bin/sh', ['-c', REAPER, 'reaper', temporary], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  // If somebody kills the reaper, the gateway goes on; a broken pipe must not end it.
  shell.on('error', () => {})
  shell.stdin.on('error', () => {})
  shell.unref()

  return line => (line === undefined ? shell.stdin.end() : shell.stdin.write(line))
}
