// List prices of us-east-1 in US dollars, as of November 2026, and what is assumed beside them. The
// cost model and "mcp-lambda-sam status" use them.
export const PRICES = {
  // https://aws.amazon.com/lambda/pricing/ (arm64; no free tier)
  gigabyteSecond: 0.0000133334,
  invocation: 0.2e-6,
  // https://aws.amazon.com/dynamodb/pricing/on-demand/
  writeUnit: 0.625e-6,
  readUnit: 0.125e-6,
  tableGigabyteMonth: 0.25,
  backupGigabyteMonth: 0.2,
  // https://aws.amazon.com/cloudwatch/pricing/
  logGigabyte: 0.5,
  // https://aws.amazon.com/bedrock/agentcore/pricing/: an invocation of the Gateway's MCP operations
  agentCoreCall: 5e-6,
}

/** What a run on one machine cannot measure. */
export const ASSUMED = {
  /** Milliseconds that an invoke takes beside the run of the function, within a region. */
  invokeMs: 5,
  /** Milliseconds of a request to DynamoDB. */
  tableMs: 3,
  /** Lambda gives a function of so many megabytes one processor. */
  megabytesOfAProcessor: 1_792,
  /** Bytes of Lambda's own log lines `start` and `report`, which SystemLogLevel INFO writes. */
  systemLogBytes: 500,
  hoursOfAMonth: 730,
  /** Bytes of a registration with its other rows. */
  registrationBytes: 2_000,
}
