import { type KeyboardEvent, type ReactNode, type RefObject, useEffect, useState } from "react";

interface Props {
  input: RefObject<HTMLTextAreaElement | null>;
  busy: boolean;
  send: (question: string) => boolean;
  stop: () => void;
  children?: ReactNode;
}

/** The question box. Enter sends, Shift+Enter begins a new line. */
export function Composer({ input, busy, send, stop, children }: Props) {
  const [text, setText] = useState("");

  useEffect(() => {
    const box = input.current;
    if (!box) return;
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }, [input, text]);

  const submit = (): void => {
    const question = text.trim();
    if (question && !busy && send(question)) setText("");
    input.current?.focus();
  };

  const key = (event: KeyboardEvent): void => {
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== "Enter" || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label htmlFor="question" className="hidden">
        Your question
      </label>
      <textarea
        id="question"
        ref={input}
        rows={1}
        value={text}
        placeholder="Ask about your documents"
        aria-describedby="question-help"
        onChange={(event) => setText(event.target.value)}
        onKeyDown={key}
        autoFocus={matchMedia("(pointer: fine)").matches}
      />
      <div className="tools">
        {children}
        <span id="question-help" className="help">
          Enter sends, Shift + Enter starts a new line
        </span>
        {busy ? (
          <button
            type="button"
            className="stop"
            onClick={() => {
              stop();
              input.current?.focus();
            }}
          >
            Stop
          </button>
        ) : (
          <button type="submit" className="primary" disabled={!text.trim()}>
            Ask
          </button>
        )}
      </div>
    </form>
  );
}
