import { spawn } from 'node:child_process'

export const handler = async () => spawn('sleep', ['1000'], { stdio: 'ignore' }).pid
