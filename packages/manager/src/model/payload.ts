import { type Static, Type } from 'typebox';
import { Driver, type Meta, metaSchemas } from './common.ts';
import type { ContainerSpec } from './container-spec.ts';
import { object, opt, stringMap } from './schema.ts';
import type { Sealed } from './sealed.ts';

/** Of what kind a payload is. Secrets never leave by the API, configs do; all else is the same. */
export const payloadKinds = ['secret', 'config'] as const;
export type PayloadKind = (typeof payloadKinds)[number];

const shared = {
  Name: opt(Type.String()),
  Labels: opt(stringMap),
  Data: opt(Type.String({ description: 'Base64' })),
  Templating: opt(Driver),
};
export const ConfigSpec = object(shared);
export const SecretSpec = object({ ...shared, Driver: opt(Driver) });
export type PayloadSpec = Static<typeof SecretSpec>;

const shown = { ...metaSchemas, ContentVersion: Type.Integer({ description: 'Of what it holds now' }) };
/** As Docker's API shows them, with the number of their content. */
export const ApiSecret = object({ ...shown, Spec: SecretSpec });
export const ApiConfig = object({ ...shown, Spec: ConfigSpec });
export type ApiPayload = Static<typeof ApiSecret>;

/** One version of what a secret or config holds. It never changes. */
export interface Content {
  /** 1, 2, … within its secret or config. */
  readonly version: number;
  readonly at: string;
  /** Base64. */
  readonly data: Sealed;
}

/** A secret or a config as stored: what it holds now, and what some task or service may still need of before. */
export interface Payload extends Meta {
  /** Without what it holds. */
  readonly Spec: Omit<PayloadSpec, 'Data'>;
  /** Oldest first; never empty. */
  readonly contents: readonly Content[];
}

/** The number of what it holds now. */
export const contentVersion = ({ contents }: Payload): number => contents.at(-1)?.version ?? 0;

/** A file in a task's container, made of a secret or config. */
export interface PayloadFile {
  readonly kind: PayloadKind;
  readonly id: string;
  readonly name: string;
  /** Of the content. */
  readonly version: number;
  /** Absolute. */
  readonly target: string;
  /** As the spec names it: templates know it by this. */
  readonly fileName: string;
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

const secretsFolder = '/run/secrets';

/** Where Docker puts a file: secrets below /run/secrets and configs below / where the name is not absolute. */
const targetOf = (kind: PayloadKind, name: string): string => {
  if (name.startsWith('/')) return name;
  return kind === 'secret' ? `${secretsFolder}/${name}` : `/${name}`;
};

/** The files that a container gets; secrets first, in the spec's order. */
export function payloadFiles(spec: ContainerSpec | null | undefined): PayloadFile[] {
  const { Secrets, Configs } = spec ?? {};
  if (!Secrets?.length && !Configs?.length) return [];
  return [
    ...(Secrets ?? []).map(({ SecretID, SecretName, ...rest }) =>
      fileOf('secret', SecretID, SecretName, rest),
    ),
    ...(Configs ?? []).map(({ ConfigID, ConfigName, ...rest }) =>
      fileOf('config', ConfigID, ConfigName, rest),
    ),
  ];
}

type Reference = Pick<NonNullable<NonNullable<ContainerSpec['Secrets']>[number]>, 'File' | 'ContentVersion'>;

const fileOf = (
  kind: PayloadKind,
  id: string | null | undefined,
  name: string | null | undefined,
  { File, ContentVersion }: Reference,
): PayloadFile => ({
  kind,
  id: id ?? '',
  name: name ?? '',
  version: ContentVersion ?? 0,
  target: targetOf(kind, File?.Name ?? ''),
  fileName: File?.Name ?? '',
  uid: Number(File?.UID ?? 0),
  gid: Number(File?.GID ?? 0),
  mode: File?.Mode ?? 0,
});
