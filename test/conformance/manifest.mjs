// The registrations that the suite expects, as `POST /register` takes them.

/**
 * @typedef {import('@markvp/mcp-lambda-sam-admin-client').ToolInput} ToolInput
 * @typedef {import('@markvp/mcp-lambda-sam-admin-client').ResourceInput} ResourceInput
 * @typedef {import('@markvp/mcp-lambda-sam-admin-client').PromptInput} PromptInput
 * @typedef {'arguments' | 'mcp'} Contract the calling contract
 */

/** @param {string} name */
const lambdaArn = name => `arn:aws:lambda:us-east-1:000000000000:function:${name}`

/** @type {(ToolInput | ResourceInput | PromptInput)[]} */
export const registrations = [
  ...tools('content', 'arguments', [
    'test_simple_text',
    'test_image_content',
    'test_audio_content',
    'test_embedded_resource',
    'test_multiple_content_types',
    'test_error_handling',
  ]),
  ...tools('changing', 'arguments', ['test_trigger_tool_change', 'test_trigger_prompt_change']),
  ...tools('reporting', 'mcp', [
    'test_tool_with_progress',
    'test_tool_with_logging',
    'test_logging_tool',
  ]),
  ...tools('asking', 'mcp', [
    'test_elicitation_sep1034_defaults',
    'test_elicitation_sep1330_enums',
    'test_streaming_elicitation',
    'test_missing_capability',
    'test_input_required_result_sampling',
    'test_input_required_result_list_roots',
    'test_input_required_result_request_state',
    'test_input_required_result_tampered_state',
    'test_input_required_result_multiple_inputs',
    'test_input_required_result_multi_round',
    'test_input_required_result_capabilities',
  ]),
  // The referee responds to the question of this tool before it is asked.
  tool('asking', 'mcp', 'test_input_required_result_elicitation', {
    parameters: {},
    _meta: { 'mcp-lambda-sam/takesEarlyInputResponses': true },
  }),
  tool('asking', 'mcp', 'test_elicitation', { parameters: { message: 'string' } }),
  tool('asking', 'mcp', 'test_sampling', { parameters: { prompt: 'string' } }),
  tool('content', 'arguments', 'test_x_mcp_header', {
    inputSchema: {
      type: 'object',
      properties: { region: { type: 'string', 'x-mcp-header': 'Region' } },
      required: ['region'],
    },
  }),
  tool('content', 'arguments', 'json_schema_2020_12_tool', {
    inputSchema: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: {
          $anchor: 'addressDef',
          type: 'object',
          properties: { street: { type: 'string' }, city: { type: 'string' } },
        },
      },
      properties: {
        name: { type: 'string' },
        address: { $ref: '#/$defs/address' },
        contactMethod: { type: 'string', enum: ['phone', 'email'] },
        phone: { type: 'string' },
        email: { type: 'string' },
      },
      allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
      if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: { required: ['phone'] },
      else: { required: ['email'] },
      additionalProperties: false,
    },
  }),

  resource('static-text', { uri: 'test://static-text', mimeType: 'text/plain' }),
  resource('static-binary', { uri: 'test://static-binary', mimeType: 'image/png' }),
  resource('watched-resource', { uri: 'test://watched-resource', mimeType: 'text/plain' }),
  resource('template', {
    uriTemplate: 'test://template/{id}/data',
    mimeType: 'application/json',
  }),

  prompt('prompts', 'arguments', 'test_simple_prompt', {}),
  prompt('prompts', 'arguments', 'test_prompt_with_arguments', { arg1: 'string', arg2: 'string' }),
  prompt('prompts', 'arguments', 'test_prompt_with_embedded_resource', { resourceUri: 'string' }),
  prompt('prompts', 'arguments', 'test_prompt_with_image', {}),
  prompt('asking', 'mcp', 'test_input_required_result_prompt', {}),
]

/**
 * @param {string} fn name of the function
 * @param {Contract} contract
 * @param {string[]} names
 */
function tools(fn, contract, names) {
  return names.map(name => tool(fn, contract, name, { parameters: {} }))
}

/**
 * @param {string} fn name of the function
 * @param {Contract} contract
 * @param {string} name
 * @param {Pick<ToolInput, 'parameters' | 'inputSchema' | '_meta'>} schema
 * @returns {ToolInput}
 */
function tool(fn, contract, name, schema) {
  const description = `Test tool ${name}`
  return { type: 'tool', name, description, lambdaArn: lambdaArn(fn), contract, ...schema }
}

/**
 * @param {string} name
 * @param {Pick<ResourceInput, 'uri' | 'uriTemplate' | 'mimeType'>} rest
 * @returns {ResourceInput}
 */
function resource(name, rest) {
  const description = `Test resource ${name}`
  return { type: 'resource', name, description, lambdaArn: lambdaArn('resources'), ...rest }
}

/**
 * @param {string} fn name of the function
 * @param {Contract} contract
 * @param {string} name
 * @param {NonNullable<PromptInput['parameters']>} parameters
 * @returns {PromptInput}
 */
function prompt(fn, contract, name, parameters) {
  const description = `Test prompt ${name}`
  return { type: 'prompt', name, description, lambdaArn: lambdaArn(fn), contract, parameters }
}
