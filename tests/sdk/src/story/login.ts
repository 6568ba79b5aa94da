// Prints a person's access token. Arguments: the issuer, the person's e-mail address.
import { personToken } from '../gate/tokens.js';

const [issuer, email] = process.argv.slice(2);
if (issuer === undefined || email === undefined) {
  console.error('usage: node login.js <issuer> <email>');
  process.exit(2);
}

console.log(await personToken(issuer, email));
