// The listening socket: the only file that runs node:http. What requests mean is told by the handler it is given.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { BridgeError } from '../errors.js';

export type Handler = (request: IncomingMessage, response: ServerResponse) => void;

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** It was listening before, and somebody else listens on when this endpoint is closed. */
  readonly isHandedOver: boolean;
  /** Requests go to this handler from now on; those that came before the first one have waited, unless they have left. */
  serve(handler: Handler): void;
  /** No new connections; those that are open go on. */
  stopListening(): void;
  /** Ends what is still open. */
  close(): Promise<void>;
}

export interface ListenPlan {
  readonly host: string;
  /** Tried in this order until one is free; 0 is any free one. */
  readonly ports: readonly number[];
  /** Who chose the port, for the message that says that it is taken. */
  readonly from: string;
  /** Who has a port that is taken, in words, if that can be told. */
  readonly describeHolder?: ((host: string, port: number) => Promise<string | undefined>) | undefined;
  /** A socket that listens already; then neither host nor ports are used. `allows`: whether its address may be used. */
  readonly handedOver?:
    | { readonly descriptor: number; readonly allows: (host: string) => boolean }
    | undefined;
}

/** A client keeps its connection this long between two requests (ms). */
const KEEP_ALIVE = 75_000;
/** Who sends its headers, or its whole request, more slowly than this is cut off (ms); looked at so often (ms). */
const SLOWEST = { headersTimeout: 60_000, requestTimeout: 120_000, connectionsCheckingInterval: 5_000 };
/** Connections at once; the next one is closed unheard. */
const MOST_CONNECTIONS = 4_096;
/** Time for a connection's last bytes to leave before it is cut (ms). */
const CLOSE_GRACE = 100;

/** Listens on the first port that is free. Throws a BridgeError (exit 1) that says what to do if none is. */
export async function listen(plan: ListenPlan): Promise<Endpoint> {
  const early: Parameters<Handler>[] = [];
  let handle: Handler = (...exchange) => early.push(exchange);
  const server = createServer(SLOWEST, (request, response) => handle(request, response));
  server.keepAliveTimeout = KEEP_ALIVE;
  server.maxConnections = MOST_CONNECTIONS;
  if (plan.handedOver) await listenOn(server, plan.handedOver);
  else await listenOnFirst(server, plan);
  const { host, port } = addressOf(server);
  return {
    host: plan.handedOver ? host : plan.host,
    port,
    isHandedOver: plan.handedOver !== undefined,
    serve: (handler) => {
      handle = handler;
      for (const [request, response] of early.splice(0)) {
        // Who has left would be served for ever: the close that would end it has been.
        if (!request.socket.destroyed) handler(request, response);
      }
    },
    stopListening: () => server.close(),
    close: () => closeAll(server),
  };
}

async function listenOnFirst(server: Server, plan: ListenPlan): Promise<void> {
  const { host, ports } = plan;
  for (const [i, port] of ports.entries()) {
    const error = await tryListen(server, { host, port });
    if (!error) return;
    if (error.code !== 'EADDRINUSE' || i === ports.length - 1) throw await cannotListen(error, plan);
  }
}

async function listenOn(
  server: Server,
  { descriptor, allows }: NonNullable<ListenPlan['handedOver']>,
): Promise<void> {
  const error = await tryListen(server, { fd: descriptor });
  const { host } = addressOf(server);
  if (error || host === '') {
    const what = `LISTEN_FDS: expected descriptor ${descriptor} to be a listening TCP socket (${error?.code ?? 'it is none'}).`;
    throw new BridgeError(`${what} Hand one over, or unset LISTEN_FDS.`, 1);
  }
  if (!allows(host))
    throw new BridgeError(
      `LISTEN_FDS: ${host} can be reached by other machines, so --token is needed too.`,
      2,
    );
}

function tryListen(
  server: Server,
  where: { host: string; port: number } | { fd: number },
): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    server.once('error', resolve);
    server.listen(where, () => {
      server.off('error', resolve);
      resolve(undefined);
    });
  });
}

async function cannotListen(error: NodeJS.ErrnoException, plan: ListenPlan): Promise<BridgeError> {
  const { host, ports, from, describeHolder } = plan;
  const [first = 0, ...more] = ports;
  if (error.code === 'EADDRINUSE') {
    const which = more.length > 0 ? `Ports ${first} to ${more.at(-1)} are all` : `Port ${first} (${from}) is`;
    const holder = more.length > 0 ? undefined : await describeHolder?.(host, first);
    return new BridgeError(
      `${which} in use on ${host}${holder ? ` by ${holder}` : ''}. Stop what listens there, or choose another with --port.`,
      1,
    );
  }
  if (error.code === 'EACCES') {
    return new BridgeError(
      `Port ${first} needs more rights than this user has. Choose one above 1023 with --port.`,
      1,
    );
  }
  return new BridgeError(`Cannot listen on ${host}: ${error.message}. Check --host and --port.`, 1);
}

function addressOf(server: Server): { host: string; port: number } {
  const address = server.address();
  return typeof address === 'object' && address
    ? { host: address.address, port: address.port }
    : { host: '', port: 0 };
}

function closeAll(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), CLOSE_GRACE).unref();
  });
}
