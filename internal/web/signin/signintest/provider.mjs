// A real OpenID Connect provider for tests: whoever names themselves is believed, and is in the groups that
// their name lists. It ends when its input does, so that no killed test leaves it behind.
import http from 'node:http';
import { Provider } from 'oidc-provider';

const { redirect, client, secret, inToken } = JSON.parse(process.argv[2]);
const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: client, client_secret: secret, redirect_uris: [redirect], response_types: ['code'], grant_types: ['authorization_code'] }],
    cookies: { keys: ['of no worth'] },
    pkce: { required: () => true },
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups'] },
    conformIdTokenClaims: !inToken, // then groups are told by the userinfo endpoint only
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: `${id}@example.com`, ...(id === 'nobody' ? {} : { groups: id.split('+') }) }),
    }),
  });
  server.on('request', provider.callback());
  console.log(issuer);
});
process.stdin.on('end', () => process.exit(0)).resume();
