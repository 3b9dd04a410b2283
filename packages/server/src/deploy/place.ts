/** Where a stack is, and the profile that reaches it. */
export interface Place {
  stackName: string
  region?: string | undefined
  profile?: string | undefined
}

/** The options that name the same place, for a command to copy. */
export const placeOptions = ({ stackName, region, profile }: Partial<Place>): string =>
  [
    stackName && `--stack-name ${stackName}`,
    region && `--region ${region}`,
    profile && `--profile ${/^[\w.-]+$/.test(profile) ? profile : `"${profile}"`}`,
  ]
    .filter(Boolean)
    .join(' ')
