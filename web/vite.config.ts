import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const server = process.env.PETRA_URL ?? "http://127.0.0.1:7878";

/**
 * The built page may load from its own origin and nowhere else, whatever an answer or a file name
 * says. Only in the build: the dev server's hot reload needs inline scripts.
 */
const contentPolicy: Plugin = {
  name: "content-policy",
  apply: "build",
  transformIndexHtml: () => [
    {
      tag: "meta",
      attrs: {
        "http-equiv": "Content-Security-Policy",
        content:
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
          "base-uri 'none'; form-action 'none'",
      },
      injectTo: "head-prepend",
    },
  ],
};

/** The server checks Host and Origin exactly; seen from it, the dev server is its own page. */
const toServer = {
  target: server,
  changeOrigin: true,
  headers: { origin: server },
};

export default defineConfig({
  plugins: [react(), contentPolicy],
  build: { assetsInlineLimit: 0, modulePreload: { polyfill: false }, sourcemap: false },
  server: {
    // A cookie belongs to a host, not to a port: open the server's own address once, then this one.
    host: "127.0.0.1",
    proxy: {
      "/api": toServer,
      "/upload": toServer,
      "/ready": toServer,
      "/health": toServer,
      "/ws": { ...toServer, ws: true },
    },
  },
  test: { include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
