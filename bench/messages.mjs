// JSON-RPC messages out of the body of an answer: one JSON document, or the events of an SSE stream.
import { StringDecoder } from 'node:string_decoder';

/** Returns `{ read(bytes), end() }`; `onMessage` is called with each message once it is complete. */
export function makeMessageReader(contentType, onMessage) {
  if (contentType.startsWith('text/event-stream')) return readEvents(onMessage);
  if (contentType.startsWith('application/json')) return readDocument(onMessage);
  return { read() {}, end() {} };
}

function readDocument(onMessage) {
  const pieces = [];
  return {
    read: (bytes) => pieces.push(bytes),
    end: () => onMessage(JSON.parse(Buffer.concat(pieces).toString())),
  };
}

function readEvents(onMessage) {
  const decoder = new StringDecoder('utf8');
  let text = '';
  return {
    read(bytes) {
      text += decoder.write(bytes);
      const events = text.split(/\r?\n\r?\n/);
      text = events.pop();
      for (const event of events) {
        const data = getData(event);
        if (data) onMessage(JSON.parse(data));
      }
    },
    end() {},
  };
}

function getData(event) {
  return event
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trimStart())
    .join('\n');
}
