import type { Change } from '../deploy/change-set.ts'
import type { StackEvent } from '../deploy/stack-events.ts'

/** The changes as text for a person. Replaced and removed resources are marked. */
export function changesText(changes: Change[]): string {
  const width = Math.max(...changes.map(it => it.logicalId.length), 0)
  const typeWidth = Math.max(...changes.map(it => it.type.length), 0)
  const lines = changes.map(change => {
    const { sign, note } = SHOWN[kindOf(change)]
    return `  ${sign} ${change.logicalId.padEnd(width)}  ${change.type.padEnd(typeWidth)}  ${note}`.trimEnd()
  })
  const count = (action: Change['action']) => changes.filter(it => it.action === action).length
  return [
    'Changes',
    ...lines,
    `${count('add')} to add, ${count('change')} to change, ${count('remove')} to remove`,
  ].join('\n')
}

type Kind = 'add' | 'change' | 'maybe' | 'replace' | 'remove'

function kindOf({ action, replacement }: Change): Kind {
  if (action !== 'change' || replacement === 'no') return action
  return replacement === 'yes' ? 'replace' : 'maybe'
}

const SHOWN: Record<Kind, { sign: string; note: string }> = {
  add: { sign: '+', note: '' },
  change: { sign: '~', note: '' },
  maybe: { sign: '~', note: 'may be REPLACED: depends on a value that is not known yet' },
  replace: { sign: '!', note: 'REPLACED: a new one is created, the old one is deleted' },
  remove: { sign: '-', note: 'removed' },
}

export function eventLine({ at, status, logicalId, type, reason }: StackEvent): string {
  const time = (at ?? new Date()).toISOString().slice(11, 19)
  // Only failures have a useful reason; others say "User Initiated" and the like.
  const why = reason && /FAILED|ROLLBACK/.test(status) ? `: ${reason}` : ''
  return `${time}  ${status.padEnd(28)}  ${logicalId} (${type})${why}`
}

export function bundleLine({ bundle, key, bytes }: { bundle: string; key: string; bytes: number }) {
  return `Bundle ${bundle}: ${Math.ceil(bytes / 1024)} KB, ${key}`
}
