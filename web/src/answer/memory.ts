/** What a tab remembers over a reload: its conversation, and the answer that was still coming. */
export interface Memory {
  conversationId?: string | undefined;
  live?: { id: string; question: string } | undefined;
}

const KEY = "petra.thread";

export function recall(): Memory {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "{}") as Memory;
  } catch {
    return {};
  }
}

export function remember(memory: Memory): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(memory));
  } catch {
    // Storage can be switched off; then a reload begins a new conversation.
  }
}
