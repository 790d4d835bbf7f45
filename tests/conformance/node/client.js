// Follows one channel with the public SDK and tells on stdout, one JSON object a line, what happens to it.
// Usage: node client.js <ws url> <channel> [token]. Ends when stdin does; "publish <json>" and "history" on stdin are carried out.
import { createInterface } from 'node:readline';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

const [url, channel, token] = process.argv.slice(2);
const tell = (what, details = {}) => console.log(JSON.stringify({ what, ...details }));

const centrifuge = new Centrifuge(url, { websocket: WebSocket, token: token ?? '', minReconnectDelay: 50 });
centrifuge.on('connected', ({ client }) => tell('connected', { client }));
centrifuge.on('connecting', ({ code, reason }) => tell('connecting', { code, reason }));
centrifuge.on('disconnected', ({ code, reason }) => tell('disconnected', { code, reason }));
centrifuge.on('error', ({ error }) => tell('error', { code: error.code, message: error.message }));
centrifuge.on('message', ({ data }) => tell('message', { data }));

const subscription = centrifuge.newSubscription(channel);
subscription.on('subscribed', ({ wasRecovering, recovered, streamPosition, recoverable }) =>
  tell('subscribed', { wasRecovering, recovered, recoverable, position: streamPosition }));
subscription.on('publication', ({ offset, data }) => tell('publication', { offset, id: data.id }));
subscription.on('unsubscribed', ({ code, reason }) => tell('unsubscribed', { code, reason }));
subscription.on('error', ({ error }) => tell('subscription error', { code: error.code, message: error.message }));
subscription.subscribe();
centrifuge.connect();

const orders = {
  publish: async (rest) => { await subscription.publish(JSON.parse(rest)); return {}; },
  history: async () => {
    const { publications, epoch, offset } = await subscription.history({ limit: 100 });
    return { offsets: publications.map((one) => one.offset), epoch, offset };
  },
  presence: async () => ({ clients: Object.keys((await subscription.presence()).clients) }),
  rpc: async (rest) => ({ data: (await centrifuge.rpc('ingest', JSON.parse(rest))).data }),
};

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const [name, ...rest] = line.split(' ');
    try {
      tell(name, await orders[name](rest.join(' ')));
    } catch ({ code, message }) {
      tell('refused', { code, message });
    }
  })
  .on('close', () => process.exit(0));
