import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Safety } from "./Safety";
import "./style/base.css";
import "./style/layout.css";
import "./style/documents.css";
import "./style/answer.css";
import "./style/viewer.css";

createRoot(document.getElementById("root") as HTMLElement).render(
  <StrictMode>
    <Safety>
      <App />
    </Safety>
  </StrictMode>,
);
