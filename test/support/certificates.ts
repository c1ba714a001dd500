/** A certificate authority of a test's own, made by openssl in its folder, and what it signed. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface Certificate {
  readonly cert: string;
  readonly key: string;
  /** Both in one file, as HAProxy takes them. */
  readonly pem: string;
}

export class CertificateAuthority {
  /** Its own certificate. */
  readonly cert: string;
  readonly #key: string;
  readonly #folder: string;

  private constructor(folder: string, name: string) {
    this.#folder = folder;
    this.cert = join(folder, `${name}-ca.pem`);
    this.#key = join(folder, `${name}-ca.key`);
  }

  static async make(folder: string, name: string): Promise<CertificateAuthority> {
    const authority = new CertificateAuthority(folder, name);
    const subject = ['-subj', `/CN=${name}`, '-days', '2'];
    await run('openssl', ['req', '-x509', ...EC, '-keyout', authority.#key, '-out', authority.cert, ...subject]);
    return authority;
  }

  /** `names`: as openssl writes them, `DNS:edge.test,IP:127.0.0.1`. */
  async sign(name: string, names: string): Promise<Certificate> {
    const [cert, key, pem, request, extensions] = ['.crt', '.key', '.pem', '.csr', '.ext'].map((end) => join(this.#folder, name + end)) as [
      string,
      string,
      string,
      string,
      string,
    ];
    await writeFile(extensions, `subjectAltName=${names}\n`);
    await run('openssl', ['req', ...EC, '-keyout', key, '-out', request, '-subj', `/CN=${name}`]);
    const signing = ['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial', '-days', '2', '-extfile', extensions];
    await run('openssl', ['x509', '-req', '-in', request, ...signing, '-out', cert]);
    await writeFile(pem, (await readFile(cert, 'utf8')) + (await readFile(key, 'utf8')));
    return { cert, key, pem };
  }
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
