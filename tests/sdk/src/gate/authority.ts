// The library finds its parts by decorators.
import 'reflect-metadata';
import {
  BasicConstraintsExtension, ExtendedKeyUsage, ExtendedKeyUsageExtension, KeyUsageFlags, KeyUsagesExtension, SubjectAlternativeNameExtension, type X509Certificate, X509CertificateGenerator,
} from '@peculiar/x509';
import { webcrypto } from 'node:crypto';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** A certificate with its key, in PEM. */
export interface Pair {
  certificate: string;
  key: string;
  /** As Postern's records and revocations name it: issuer and serial number. */
  id: string;
}

/** An authority of certificates, for a gate or for workers. */
export class Authority {
  #serial = 16;

  private constructor(
    private readonly keys: webcrypto.CryptoKeyPair,
    private readonly certificate: X509Certificate,
  ) {}

  static async create(name: string): Promise<Authority> {
    const keys = await newKeys();
    const extensions = [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)];
    return new Authority(keys, await X509CertificateGenerator.createSelfSigned({ serialNumber: '01', name, keys, ...times(), signingAlgorithm: ALGORITHM, extensions }));
  }

  get pem(): string {
    return this.certificate.toString('pem');
  }

  /** What a server on loopback shows. */
  async server(): Promise<Pair> {
    return await this.#issue('CN=gate', ExtendedKeyUsage.serverAuth, [{ type: 'dns', value: 'localhost' }, { type: 'ip', value: '127.0.0.1' }]);
  }

  async client(subject: string): Promise<Pair> {
    return await this.#issue(subject, ExtendedKeyUsage.clientAuth, []);
  }

  async #issue(subject: string, usage: ExtendedKeyUsage, names: { type: 'dns' | 'ip'; value: string }[]): Promise<Pair> {
    const keys = await newKeys();
    const serialNumber = (this.#serial++).toString(16);
    const certificate = await X509CertificateGenerator.create({
      serialNumber,
      subject,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...times(),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension([usage]),
        ...(names.length > 0 ? [new SubjectAlternativeNameExtension(names)] : []),
      ],
    });
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
    return {
      certificate: certificate.toString('pem'),
      key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n`,
      id: `${this.certificate.subject} ${serialNumber.toUpperCase()}`,
    };
  }
}

const newKeys = () => webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;

const times = () => ({ notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) });
