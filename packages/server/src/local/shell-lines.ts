export interface SigningTarget {
  region: string
  /** The published key of the local gateway. It is no secret. */
  credentials: { accessKeyId: string; secretAccessKey: string }
}

/** The lines that make programs of a shell sign with the key of the local gateway. */
export const shellLines = ({ region, credentials }: SigningTarget) => [
  `export AWS_ACCESS_KEY_ID=${credentials.accessKeyId}`,
  `export AWS_SECRET_ACCESS_KEY=${credentials.secretAccessKey}`,
  `export AWS_REGION=${region}`,
  'unset AWS_SESSION_TOKEN AWS_PROFILE',
]
