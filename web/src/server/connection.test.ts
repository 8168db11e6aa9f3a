import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Error as WireError, Part } from "../messages.gen";
import { Connection } from "./connection";

/** A socket whose other end is the test. */
class Wire {
  static readonly OPEN = 1;
  static all: Wire[] = [];
  readyState = 0;
  sent: unknown[] = [];
  onopen?: () => void;
  onmessage?: (event: { data: string }) => void;
  onclose?: () => void;

  constructor() {
    Wire.all.push(this);
  }

  static get last(): Wire {
    return Wire.all.at(-1) as Wire;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  accept(): void {
    this.readyState = Wire.OPEN;
    this.onopen?.();
  }

  say(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  close(): void {
    this.readyState = 3;
    this.onclose?.();
  }
}

let heard: string[];
let failures: WireError[];
let connection: Connection;

const text = (seq: number, words: string): object => ({
  type: "part",
  ref: "r",
  id: "m1",
  seq,
  part: { kind: "text", text: words },
});

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("WebSocket", Wire);
  Wire.all = [];
  heard = [];
  failures = [];
  connection = new Connection("ws://here/ws", {
    link: () => {},
    part: (_ref: string, _id: string, part: Part) => heard.push(part.kind === "text" ? part.text : part.kind),
    failed: (_ref, error) => failures.push(error),
  });
  connection.open();
});

afterEach(() => {
  connection.close();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test("a question waits for the connection", () => {
  connection.ask("r", { question: "Why?" });
  expect(Wire.last.sent).toEqual([]);
  Wire.last.accept();
  expect(Wire.last.sent).toEqual([{ type: "ask", ref: "r", request: { question: "Why?" } }]);
});

test("after a break the missed parts are asked for, and none is heard twice", () => {
  Wire.last.accept();
  connection.ask("r", { question: "Why?" });
  Wire.last.say(text(0, "a"));
  Wire.last.say(text(1, "b"));
  Wire.last.close();
  vi.advanceTimersByTime(10_000);
  expect(Wire.all.length).toBe(2);
  Wire.last.accept();
  expect(Wire.last.sent).toEqual([{ type: "resume", ref: "r", id: "m1", seq: 1 }]);
  Wire.last.say(text(1, "b"));
  Wire.last.say(text(2, "c"));
  expect(heard).toEqual(["a", "b", "c"]);
});

test("a gap is filled before anything after it is heard", () => {
  Wire.last.accept();
  connection.ask("r", { question: "Why?" });
  Wire.last.say(text(0, "a"));
  Wire.last.say(text(2, "c"));
  expect(heard).toEqual(["a"]);
  expect(Wire.last.sent.at(-1)).toEqual({ type: "resume", ref: "r", id: "m1", seq: 0 });
});

test("a question that may have been lost is reported, not sent twice", () => {
  Wire.last.accept();
  connection.ask("r", { question: "Why?" });
  Wire.last.close();
  expect(failures.map((error) => error.code)).toEqual(["connection_lost"]);
  vi.advanceTimersByTime(10_000);
  Wire.last.accept();
  expect(Wire.last.sent).toEqual([]);
});

test("stopping before the answer has an id stops it as soon as it has", () => {
  Wire.last.accept();
  connection.ask("r", { question: "Why?" });
  connection.cancel("r");
  Wire.last.say(text(0, "a"));
  expect(Wire.last.sent.at(-1)).toEqual({ type: "cancel", id: "m1" });
});

test("a refused question is reported", () => {
  Wire.last.accept();
  connection.ask("r", { question: "" });
  const error = { code: "bad_request", what: "The question is empty", cause: "", remedy: "", retryable: false };
  Wire.last.say({ type: "error", error });
  expect(failures).toEqual([error]);
});
