/** Shown when the server does not know this browser. */
export function Locked() {
  return (
    <main className="alone">
      <h1>This browser has no key yet</h1>
      <p>
        Petra lets in only those who open the address that <code>petra serve</code> prints, with its key. In a
        terminal, type:
      </p>
      <pre>petra open</pre>
      <p>It opens this page with the key, and you will not be asked again.</p>
    </main>
  );
}
