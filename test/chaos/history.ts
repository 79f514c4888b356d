// What a run leaves behind, as the ledger reads it. Times are ms since 1970: all of it is one machine.

/** One HTTP request of a client, and what came of it. */
export interface Exchange {
  /** The client's name; it has one session. */
  readonly client: string;
  readonly method: string;
  readonly sentAt: number;
  /** The JSON-RPC request in it, if there was one. */
  readonly request?: WireRequest | undefined;
  /** Its Last-Event-ID. */
  readonly after?: string | undefined;
  status?: number | undefined;
  session?: string | undefined;
  /** What came, in order; the message of a JSON body has no event id. */
  readonly events: WireEvent[];
  endedAt?: number;
  /** `cut` by the test, `left` by the client, `lost` by whoever. */
  end?: 'whole' | 'cut' | 'left' | 'lost';
}

export interface WireRequest {
  readonly id: number | string;
  readonly method: string;
  /** The number of the call, if it is one of a tool. */
  readonly n?: number | undefined;
}

export interface WireEvent {
  readonly id?: string | undefined;
  /** None in an event that only opens a stream. */
  readonly message?: WireMessage | undefined;
  /** Tells one message from another. */
  readonly digest?: string | undefined;
}

export type WireMessage =
  | {
      readonly kind: 'answer';
      readonly id: number | string;
      readonly result?: ServerState | undefined;
      readonly error?: string;
    }
  | { readonly kind: 'told'; readonly life: string; readonly seq: number }
  | { readonly kind: 'other'; readonly method: string };

/** What every tool answers with: who is served, by whom, with which state. */
export interface ServerState {
  readonly n?: number;
  readonly who?: string;
  readonly level?: string;
  readonly subscriptions?: readonly string[];
  readonly generation?: number;
  readonly life?: string;
}

/** A call of a tool, as its client saw it. */
export interface Call {
  readonly n: number;
  readonly client: string;
  readonly tool: string;
  /** Executing it twice is allowed. */
  readonly safe: boolean;
  readonly sentAt: number;
  /** What the server must have kept in mind of its client by then. */
  readonly expects: Pick<ServerState, 'level' | 'subscriptions'>;
  endedAt?: number;
  outcome?: 'result' | 'error';
  text?: string;
}

/** One process of the server, from its own records. */
export interface Life {
  readonly life: string;
  readonly pid: number;
  readonly startedAt: number;
  readonly generation: number;
  who?: string;
  readonly begun: number[];
  readonly done: number[];
  /** What it told its client besides answers; written down when the pipe had it. */
  readonly told: { readonly seq: number; readonly n: number; readonly at: number }[];
}

export interface Outage {
  readonly killedAt: number;
  backAt: number;
}

export interface Save {
  readonly generation: number;
  readonly at: number;
}

export interface History {
  readonly exchanges: readonly Exchange[];
  readonly calls: readonly Call[];
  readonly lives: readonly Life[];
  readonly outages: readonly Outage[];
  readonly saves: readonly Save[];
}
