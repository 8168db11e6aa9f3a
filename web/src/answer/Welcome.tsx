import { ChooseFiles } from "../documents/ChooseFiles";
import { plural } from "../documents/describe";

interface Props {
  ready: number;
  working: number;
  loaded: boolean;
  add: (files: readonly File[]) => void;
}

/** What a conversation shows before its first question. */
export function Welcome({ ready, working, loaded, add }: Props) {
  if (!loaded) return null;
  if (ready + working === 0) {
    return (
      <div className="welcome">
        <h1>Ask your own files</h1>
        <p>
          Drop a lecture, notes or code anywhere on this page, then ask about it: every answer comes with the passages
          it was taken from.
        </p>
        <ChooseFiles add={add} className="primary large">
          Choose files
        </ChooseFiles>
        <p className="hint">
          A whole folder is read where it is, and followed: type <code>petra index FOLDER</code> in a terminal.
        </p>
      </div>
    );
  }
  return (
    <div className="welcome">
      <h1>What would you like to know?</h1>
      <p>
        {ready ? `${plural(ready, "document")} can be asked about` : "Your documents are being read"}
        {ready && working ? `, ${working} more ${working === 1 ? "is" : "are"} being read` : ""}.
      </p>
    </div>
  );
}
