import type { ContainerSpec, Mount } from '../model/index.ts';
import { parse, render, TemplateError } from '../template/index.ts';
import type { Surroundings } from './surroundings.ts';

const longestField = 64 * 1024;

/**
 * The spec with its templates filled in, in the fields in which Swarm takes them (swarmkit template/expand.go): values of the
 * environment, the host name, and of mounts source, target, labels and driver options. Throws TemplateError with the field's path.
 */
export function expanded(spec: ContainerSpec, around: Surroundings): ContainerSpec {
  const { Env, Hostname, Mounts } = spec;
  if (!JSON.stringify([Env, Hostname, Mounts]).includes('{{')) return spec;
  const fill = (text: string, path: string): string => filled(text, path, around);
  return {
    ...spec,
    ...(Hostname && { Hostname: fill(Hostname, 'Hostname') }),
    ...(Env && { Env: Env.map((entry, i) => filledEntry(entry, `Env[${i}]`, fill)) }),
    ...(Mounts && { Mounts: Mounts.map((mount, i) => filledMount(mount, `Mounts[${i}]`, fill)) }),
  };
}

type Fill = (text: string, path: string) => string;

/** Names of variables are none. */
function filledEntry(entry: string, path: string, fill: Fill): string {
  const at = entry.indexOf('=');
  return at < 0 ? entry : entry.slice(0, at + 1) + fill(entry.slice(at + 1), path);
}

function filledMount(mount: Mount, path: string, fill: Fill): Mount {
  const { Source, Target, VolumeOptions } = mount;
  const values = (map: Readonly<Record<string, string>>, at: string) =>
    Object.fromEntries(Object.entries(map).map(([key, value]) => [key, fill(value, `${at}["${key}"]`)]));
  const options = `${path}.VolumeOptions`;
  const driver = VolumeOptions?.DriverConfig;
  return {
    ...mount,
    ...(Source && { Source: fill(Source, `${path}.Source`) }),
    ...(Target && { Target: fill(Target, `${path}.Target`) }),
    ...(VolumeOptions && {
      VolumeOptions: {
        ...VolumeOptions,
        ...(VolumeOptions.Labels && { Labels: values(VolumeOptions.Labels, `${options}.Labels`) }),
        ...(driver?.Options && {
          DriverConfig: { ...driver, Options: values(driver.Options, `${options}.DriverConfig.Options`) },
        }),
      },
    }),
  };
}

function filled(text: string, path: string, around: Surroundings): string {
  if (!text.includes('{{')) return text;
  try {
    return render(parse(text), around, {}, longestField);
  } catch (error) {
    if (error instanceof TemplateError) throw new TemplateError(`${path}: ${error.message}`);
    throw error;
  }
}
