/**
 * The one WebSocket of this page. It reconnects by itself, and after a break asks for the parts it
 * missed: whoever listens gets each part of an answer once and in order.
 */
import type { AskRequest, Error as WireError, Part, StreamItem } from "../messages.gen";

export type LinkState = "connecting" | "open" | "lost";

export interface Listener {
  link(state: LinkState): void;
  part(ref: string, id: string, part: Part): void;
  failed(ref: string, error: WireError): void;
}

interface Following {
  request: AskRequest | null;
  sent: boolean;
  cancelled: boolean;
  id: string | null;
  seq: number;
}

type Frame =
  | ({ type: "part"; ref: string } & StreamItem)
  | { type: "error"; ref?: string; error: WireError };

const LONGEST_WAIT_MS = 8000;

const lostBeforeStart: WireError = {
  code: "connection_lost",
  what: "The connection was lost before the answer began",
  cause: "The server stopped or was restarted",
  remedy: "Ask again",
  retryable: true,
};

export class Connection {
  private readonly following = new Map<string, Following>();
  private socket: WebSocket | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;
  private readonly address: string;
  private readonly listener: Listener;

  constructor(address: string, listener: Listener) {
    this.address = address;
    this.listener = listener;
  }

  /** Ask a question; `ref` is the page's own name for its answer. Without a connection it waits for one. */
  ask(ref: string, request: AskRequest): void {
    this.following.set(ref, { request, sent: false, cancelled: false, id: null, seq: -1 });
    this.sendOut(ref);
  }

  /** Go on with an answer that began earlier, from the part after `seq`. */
  resume(ref: string, id: string, seq: number): void {
    this.following.set(ref, { request: null, sent: false, cancelled: false, id, seq });
    this.sendOut(ref);
  }

  /** Stop an answer. Its `done` part still arrives. */
  cancel(ref: string): void {
    const one = this.following.get(ref);
    if (!one) return;
    one.cancelled = true;
    if (one.id) this.send({ type: "cancel", id: one.id });
  }

  /** Stop listening to an answer, without stopping the answer. */
  forget(ref: string): void {
    this.following.delete(ref);
  }

  open(): void {
    if (this.socket) return;
    clearTimeout(this.timer);
    if (this.tries === 0) this.listener.link("connecting");
    const socket = new WebSocket(this.address);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.listener.link("open");
      for (const ref of [...this.following.keys()]) this.sendOut(ref);
    };
    socket.onmessage = (event) => this.receive(event.data);
    socket.onclose = () => {
      if (this.socket === socket) this.broke();
    };
  }

  close(): void {
    clearTimeout(this.timer);
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  private broke(): void {
    this.socket = null;
    this.listener.link("lost");
    for (const [ref, one] of [...this.following]) {
      // It may or may not have been heard: sending it again could answer one question twice.
      if (one.sent && !one.id) this.fail(ref, lostBeforeStart);
      one.sent = false;
    }
    const wait = Math.min(LONGEST_WAIT_MS, 300 * 2 ** this.tries++);
    this.timer = setTimeout(() => this.open(), wait * (0.75 + Math.random() / 2));
  }

  private sendOut(ref: string): void {
    const one = this.following.get(ref);
    if (!one || one.sent || this.socket?.readyState !== WebSocket.OPEN) return;
    one.sent = true;
    if (one.id) this.send({ type: "resume", ref, id: one.id, seq: one.seq });
    else if (one.request) this.send({ type: "ask", ref, request: one.request });
    if (one.id && one.cancelled) this.send({ type: "cancel", id: one.id });
  }

  private send(frame: object): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private receive(data: unknown): void {
    const frame = JSON.parse(String(data)) as Frame;
    if (frame.type === "error") this.refuse(frame.ref, frame.error);
    if (frame.type === "part") this.deliver(frame.ref, frame);
  }

  private deliver(ref: string, item: StreamItem): void {
    const one = this.following.get(ref);
    if (!one || item.seq <= one.seq) return;
    if (one.id === null) {
      one.id = item.id;
      if (one.cancelled) this.send({ type: "cancel", id: one.id });
    }
    if (item.seq > one.seq + 1) {
      this.send({ type: "resume", ref, id: item.id, seq: one.seq });
      return;
    }
    one.seq = item.seq;
    if (item.part.kind === "done") this.following.delete(ref);
    this.listener.part(ref, item.id, item.part);
  }

  /** An error frame without a `ref` belongs to the question that has not begun, if there is just one. */
  private refuse(ref: string | undefined, error: WireError): void {
    const waiting = [...this.following].filter(([, one]) => one.sent && !one.id);
    const target = ref ?? (waiting.length === 1 ? waiting[0]?.[0] : undefined);
    if (target && this.following.has(target)) this.fail(target, error);
  }

  private fail(ref: string, error: WireError): void {
    this.following.delete(ref);
    this.listener.failed(ref, error);
  }
}
