// Talks to a hegui whose provider refuses, with the OpenAI client, LangChain and the Vercel AI SDK for Node, at their default
// retries, and prints one JSON line: by client and kind of refusal what came back, and how a conversation of 20 turns went.
// HEGUI is {base, key, user, model}; MODULES a folder of node_modules; SHAPES the names of the refusals.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
const require = createRequire(process.env.MODULES + '/');
const load = (name) => import(pathToFileURL(require.resolve(name)).href);
const { default: OpenAI } = await load('openai');
const { ChatOpenAI } = await load('@langchain/openai');
const { AIMessage, HumanMessage } = await load('@langchain/core/messages');
const { generateText, streamText } = await load('ai');
const { createOpenAICompatible } = await load('@ai-sdk/openai-compatible');

const at = JSON.parse(process.env.HEGUI);
const headers = { 'X-Hegui-User': at.user };
const openai = new OpenAI({ baseURL: at.base, apiKey: at.key, defaultHeaders: headers });
const chain = new ChatOpenAI({ model: at.model, apiKey: at.key, configuration: { baseURL: at.base, defaultHeaders: headers } });
const vercel = createOpenAICompatible({ name: 'hegui', baseURL: at.base, apiKey: at.key, headers })(at.model);

// Each takes a conversation of {role, content} and gives the answer's text.
const clients = {
  'openai-node': async (messages) => (await openai.chat.completions.create({ model: at.model, messages })).choices[0].message.content,
  'openai-node-stream': async (messages) => {
    let text = '';
    for await (const c of await openai.chat.completions.create({ model: at.model, messages, stream: true })) text += c.choices[0]?.delta?.content ?? '';
    return text;
  },
  'langchain-node': async (messages) =>
    (await chain.invoke(messages.map((m) => (m.role === 'user' ? new HumanMessage(m.content) : new AIMessage(m.content))))).content,
  'vercel': async (messages) => (await generateText({ model: vercel, messages })).text,
  'vercel-stream': async (messages) => {
    let text = '';
    let failed;
    const result = streamText({ model: vercel, messages, onError: ({ error }) => { failed = error; } });
    for await (const piece of result.textStream) text += piece;
    if (failed) throw failed;
    return text;
  },
};
const out = {};
for (const [name, ask] of Object.entries(clients)) {
  const got = (out[name] = { refused: {}, turns: [] });
  for (const shape of JSON.parse(process.env.SHAPES)) {
    try {
      got.refused[shape] = { text: await ask([{ role: 'user', content: `[[refuse:${shape}:${name}]] 请说说` }]) };
    } catch (e) {
      got.refused[shape] = { error: String(e) };
    }
  }
  const messages = [];
  for (let i = 1; i <= 20; i++) {
    messages.push({ role: 'user', content: i === 5 ? `[[refuse:deepseek:${name}-chat]] 请说说` : `第${i}个问题 ${name}` });
    try {
      const text = await ask(messages);
      messages.push({ role: 'assistant', content: text });
      got.turns.push(text);
    } catch (e) {
      got.turns.push('error: ' + e);
    }
  }
}
console.log(JSON.stringify(out));
