// A bare `ws` server: what is posted goes to every socket as it is. Nothing is stored.
const http = require("node:http");
const { WebSocketServer, WebSocket } = require("ws");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const text = Buffer.concat(parts).toString();
    for (const socket of sockets.clients) if (socket.readyState === WebSocket.OPEN) socket.send(text);
    response.end("ok");
  });
});
const sockets = new WebSocketServer({ server, perMessageDeflate: false });
server.listen(Number(process.argv[2]), "127.0.0.1");
