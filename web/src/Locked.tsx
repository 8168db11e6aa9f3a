/** Shown when the server does not know this browser. */
export function Locked() {
  return (
    <main className="alone">
      <h1>This browser has no key yet</h1>
      <p>
        Petra lets in only those who open the whole address that it prints where it was started, with its key. Or
        type in a terminal:
      </p>
      <pre>petra open</pre>
      <p>It opens this page with the key, and you will not be asked again.</p>
      <p>
        If the terminal does not know <code>petra</code>, type <code>.venv/bin/petra open</code> in Petra's folder.
      </p>
    </main>
  );
}
