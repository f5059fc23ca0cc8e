import WebSocketOfNode from "ws";

/** Where the service is. */
export const url = process.env["M7B0_URL"] ?? "http://127.0.0.1:8000/graphql";

/** The same place for a WebSocket. */
export const webSocketUrl = url.replace(/^http/, "ws");

const key = process.env["M7B0_KEY"];

/** Says who asks: the headers of a request, and the first message of a WebSocket. Empty without a key. */
export const credentials: Record<string, string> = key ? { authorization: `Bearer ${key}` } : {};

// Browsers and Node.js from 22 on bring it, as graphql-ws and Apollo expect. Take this out together with ws.
Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? WebSocketOfNode });
