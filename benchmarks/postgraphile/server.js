// PostGraphile on Node.js's own HTTP server, in one process: DATABASE_URL, HOST and PORT say of what and where.
import { createServer } from "node:http";

import { postgraphile } from "postgraphile";
import { grafserv } from "postgraphile/grafserv/node";

import preset from "./graphile.config.js";

const instance = postgraphile(preset);
const graphql = createServer();
await instance.createServ(grafserv).addTo(graphql);
await instance.getSchema();

createServer((request, response) => {
  if (request.url === "/health/live") response.end();
  else graphql.emit("request", request, response);
}).listen(Number(process.env.PORT), process.env.HOST);
