import { Component, type ReactNode } from "react";
import { Notice } from "./Notice";

/** Says so when the page itself fails, instead of going blank. Nothing is lost: the server has it all. */
export class Safety extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError(): { failed: boolean } {
    return { failed: true };
  }

  override render(): ReactNode {
    if (!this.state.failed) return this.props.children;
    return (
      <main className="alone">
        <Notice
          error={{
            what: "This page has failed",
            cause: "An error in the page itself; documents and answers are safe on the server",
            remedy: "Reload it to go on where you were",
          }}
        >
          <button type="button" onClick={() => location.reload()}>
            Reload
          </button>
        </Notice>
      </main>
    );
  }
}
