import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./main.css";

import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { examples } from "./examples.js";
import { startWith, storage } from "./storage.js";

const url = new URL("/graphql", location.href);
const fetcher = createGraphiQLFetcher({
  url: url.href,
  subscriptionUrl: url.href.replace(/^http/, "ws"),
});

startWith(examples[0]);

createRoot(document.getElementById("root")).render(
  <GraphiQL
    defaultEditorToolsVisibility="variables"
    defaultTabs={examples}
    defaultTheme="light"
    fetcher={fetcher}
    shouldPersistHeaders={false}
    storage={storage}
  />,
);
