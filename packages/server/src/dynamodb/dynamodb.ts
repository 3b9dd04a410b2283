import { AwsError } from '../aws/aws-error.ts'

/** The operations of DynamoDB that the gateway uses, with their members as DynamoDB names them. */
export interface DynamoDb {
  getItem(input: GetItemInput): Promise<{ Item?: Item }>
  putItem(input: PutItemInput): Promise<{ Attributes?: Item }>
  updateItem(input: UpdateItemInput): Promise<{ Attributes?: Item }>
  deleteItem(input: DeleteItemInput): Promise<{ Attributes?: Item }>
  query(input: QueryInput): Promise<{ Items?: Item[]; Count?: number; LastEvaluatedKey?: Item }>
  batchGetItem(input: BatchGetItemInput): Promise<{
    Responses?: Record<string, Item[]>
    UnprocessedKeys?: Record<string, KeysToRead>
  }>
}

/** As DynamoDB's JSON has it: a number (`N`) is text, bytes (`B`) are Base64. */
export interface AttributeValue {
  S?: string
  N?: string
  B?: string
  BOOL?: boolean
  M?: Item
  L?: AttributeValue[]
  SS?: string[]
}
export type Item = Record<string, AttributeValue>

interface GetItemInput {
  TableName: string
  Key: Item
  ConsistentRead?: boolean
}

interface Condition {
  ConditionExpression?: string
  ExpressionAttributeNames?: Record<string, string> | undefined
  ExpressionAttributeValues?: Item | undefined
}

interface PutItemInput extends Condition {
  TableName: string
  Item: Item
  ReturnValues?: 'ALL_OLD'
}

interface UpdateItemInput extends Condition {
  TableName: string
  Key: Item
  UpdateExpression: string
  ReturnValues?: 'UPDATED_NEW' | 'ALL_NEW'
}

interface DeleteItemInput extends Condition {
  TableName: string
  Key: Item
  ReturnValues?: 'ALL_OLD'
}

interface QueryInput {
  TableName: string
  KeyConditionExpression: string
  ProjectionExpression?: string
  ExpressionAttributeNames?: Record<string, string>
  ExpressionAttributeValues: Item
  ConsistentRead?: boolean
  ExclusiveStartKey?: Item | undefined
  Limit?: number
  ScanIndexForward?: boolean
  Select?: 'COUNT'
}

interface BatchGetItemInput {
  RequestItems: Record<string, KeysToRead>
}

export interface KeysToRead {
  Keys: Item[]
  ConsistentRead?: boolean
}

/** Sends one operation, such as `GetItem`, and rejects with an `AwsError`. */
export type SendOperation = (operation: string, input: object) => Promise<unknown>

export function dynamoDb(send: SendOperation): DynamoDb {
  const operation =
    <Input extends object, Output>(name: string) =>
    (input: Input) =>
      send(name, input) as Promise<Output>
  return {
    getItem: operation('GetItem'),
    putItem: operation('PutItem'),
    updateItem: operation('UpdateItem'),
    deleteItem: operation('DeleteItem'),
    query: operation('Query'),
    batchGetItem: operation('BatchGetItem'),
  }
}

/** Whether DynamoDB refused a write because its condition does not hold. */
export const isConditionFailure = (error: unknown): error is AwsError =>
  error instanceof AwsError && error.name === 'ConditionalCheckFailedException'
