// An OpenID Connect issuer on loopback whose pages a person would see: it asks
// who is there, and signs the tokens of those who say.
//
// Source: https://openid.net/specs/openid-connect-core-1_0.html
import { createHash, generateKeyPairSync, randomUUID, sign } from "node:crypto";
import { createServer } from "node:http";

export async function issuer() {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const codes = new Map();
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const server = createServer((request, response) => {
    const url = new URL(request.url, self.url);
    const json = (value, status = 200) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
    const back = (query, more) => {
      const to = new URL(query.get("redirect_uri"));
      for (const [name, value] of Object.entries({ state: query.get("state"), iss: self.url, ...more })) to.searchParams.set(name, value);
      return to.href.replaceAll("&", "&amp;");
    };
    switch (url.pathname) {
      case "/.well-known/openid-configuration":
        return json({
          issuer: self.url, authorization_endpoint: self.url + "/authorize", token_endpoint: self.url + "/token", jwks_uri: self.url + "/keys",
          id_token_signing_alg_values_supported: ["ES256"], response_types_supported: ["code"], subject_types_supported: ["public"], code_challenge_methods_supported: ["S256"],
        });
      case "/keys":
        return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "one", alg: "ES256", use: "sig" }] });
      case "/authorize": {
        const query = url.searchParams, links = [];
        for (const [name, roles] of [["grace", ["hub-operators"]], ["olga", []]]) {
          const code = randomUUID();
          codes.set(code, { name, roles, query });
          links.push(`<a href="${back(query, { code })}">I am ${name}</a>`);
        }
        links.push(`<a href="${back(query, { error: "access_denied", error_description: "The user said no." })}">Cancel</a>`);
        return response.writeHead(200, { "Content-Type": "text/html" }).end(`<!doctype html><title>Issuer</title><h1>Who are you?</h1>${links.join(" ")}`);
      }
      case "/token": {
        let body = "";
        request.on("data", (chunk) => { body += chunk; });
        return request.on("end", () => {
          const form = new URLSearchParams(body), asked = codes.get(form.get("code"));
          codes.delete(form.get("code"));
          const challenge = createHash("sha256").update(form.get("code_verifier") ?? "").digest("base64url");
          if (!asked || challenge !== asked.query.get("code_challenge")) return json({ error: "invalid_grant" }, 400);
          const now = Math.floor(Date.now() / 1000);
          const text = encode({ alg: "ES256", kid: "one" }) + "." + encode({
            iss: self.url, aud: asked.query.get("client_id"), sub: "sub-" + asked.name, iat: now, exp: now + 600, nonce: asked.query.get("nonce"),
            preferred_username: asked.name, name: asked.name, email: asked.name + "@contoso.com", roles: asked.roles,
          });
          const token = text + "." + sign("sha256", Buffer.from(text), { key: privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url");
          json({ access_token: "unused", token_type: "Bearer", expires_in: 600, id_token: token });
        });
      }
    }
    response.writeHead(404).end();
  });
  const self = { url: "", close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  return self;
}
