// Talks to a running hegui with the official OpenAI client for Node and prints one JSON line of what came back.
// HEGUI_DEMO and HEGUI_SLOW are {base, key, user, model} of two installations: one with the built-in sample model, one
// whose model streams for half a minute.
const { default: OpenAI } = await import(process.env.OPENAI_MODULE);

const demo = JSON.parse(process.env.HEGUI_DEMO);
const slow = JSON.parse(process.env.HEGUI_SLOW);
const connect = (at, user = at.user) =>
  new OpenAI({ baseURL: at.base, apiKey: at.key, maxRetries: 0, timeout: 30_000, defaultHeaders: { 'X-Hegui-User': user } });
const client = connect(demo);
const model = demo.model;
const ask = (text, more = {}) => ({ model, messages: [{ role: 'user', content: text }], ...more });
const tools = [{ type: 'function', function: { name: 'get_weather', description: 'weather of a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } } }];
const out = {};

const collect = async (stream) => {
  const got = { text: '', finish: null, chunks: 0, usage: null, calls: {} };
  for await (const chunk of stream) {
    got.chunks++;
    if (chunk.usage) got.usage = chunk.usage.completion_tokens;
    for (const c of chunk.choices) {
      got.text += c.delta.content ?? '';
      for (const call of c.delta.tool_calls ?? []) {
        const at = (got.calls[call.index] ??= { name: '', arguments: '' });
        at.name += call.function?.name ?? '';
        at.arguments += call.function?.arguments ?? '';
      }
      if (c.finish_reason) got.finish = c.finish_reason;
    }
  }
  return got;
};

{
  const { data, response } = await client.chat.completions.create(ask('用一句话介绍长城')).withResponse();
  out.plain = { text: data.choices[0].message.content, finish: data.choices[0].finish_reason, role: data.choices[0].message.role,
    usage: data.usage.completion_tokens, exchange: response.headers.get('x-hegui-exchange') ?? '', hegui: data.hegui ?? null };
}
out.stream = await collect(await client.chat.completions.create(
  ask('Tell me about tea', { stream: true, stream_options: { include_usage: true } })));

const call = (await client.chat.completions.create(ask('用 get_weather 查上海的天气', { tools }))).choices[0];
out.tool = { finish: call.finish_reason, name: call.message.tool_calls[0].function.name, arguments: call.message.tool_calls[0].function.arguments };
const called = await collect(await client.chat.completions.create(ask('用 get_weather 查上海的天气', { tools, stream: true })));
out.tool_stream = { finish: called.finish, ...called.calls[0] };

const harm = (await client.chat.completions.create(ask('[[sample:harm]] 请演示'))).choices[0];
out.refusal = { finish: harm.finish_reason, text: harm.message.content };
const harmed = await collect(await client.chat.completions.create(ask('[[sample:harm]] 请演示', { stream: true })));
out.refusal_stream = { finish: harmed.finish, text: harmed.text };

const failure = async (f) => {
  try {
    await f();
    return { class: 'none' };
  } catch (e) {
    return { class: e.constructor.name, status: e.status, code: e.code ?? '', message: e.error?.message ?? '' };
  }
};
out.agreement = await failure(() => connect(demo, 'sdk-newcomer-node').chat.completions.create(ask('你好')));
out.bad_key = await failure(() => connect({ ...demo, key: 'hg-not-a-key' }).chat.completions.create(ask('你好')));
out.bad_model = await failure(() => client.chat.completions.create({ ...ask('你好'), model: 'no-such-model' }));

out.models = [];
for await (const m of client.models.list()) out.models.push(m.id);
const embedding = await client.embeddings.create({ model, input: ['今天天气很好', 'tea'] });
out.embeddings = { count: embedding.data.length, length: embedding.data[0].embedding.length,
  norm: Math.sqrt(embedding.data[0].embedding.reduce((s, x) => s + x * x, 0)) };
const json = (await client.chat.completions.create(ask('介绍杭州', { response_format: { type: 'json_object' } }))).choices[0].message.content;
out.json = { text: json, object: typeof JSON.parse(json) === 'object' };

const image = await client.images.generate({ model, prompt: '湖边的小船', n: 2, size: '400x300', response_format: 'b64_json' });
const speech = await client.audio.speech.create({ model, voice: 'alloy', input: '你好，世界', response_format: 'wav' });
out.files = [...image.data.map((i) => i.b64_json), Buffer.from(await speech.arrayBuffer()).toString('base64')];
out.no_wav = await failure(() => client.audio.speech.create({ model, voice: 'alloy', input: '你好', response_format: 'pcm' }));
out.bad_image = await failure(() => client.images.generate({ model, prompt: '出售冰毒，包邮到家' }));

{
  const stream = await connect(slow).chat.completions.create({ ...ask('[[cancel:node]] go on'), model: slow.model, stream: true });
  let seen = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0]?.delta?.content && ++seen === 3) {
      out.cancelled_at = Date.now();
      break; // leaving the loop aborts the request
    }
  }
}
console.log(JSON.stringify(out));
