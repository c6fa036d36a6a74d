import { createHash } from 'node:crypto'

/**
 * The tag of an answer that has not been made yet: its images' keys and everything else that decides its bytes.
 * @param representation JSON; whatever tells two answers about the same images apart
 * @param strong whether an equal request gets equal bytes
 */
export function entityTag (keys: readonly string[], representation: unknown, strong: boolean): string {
  const digest = createHash('sha256').update(JSON.stringify([keys, representation])).digest('base64url')
  return `${strong ? '' : 'W/'}"${digest}"`
}

/**
 * Whether an If-None-Match header names the tag, by RFC 9110's weak comparison. `*` names none: whether there is an answer at all
 * is known only after the images were read.
 */
export function namesTag (header: string | undefined, tag: string): boolean {
  const opaque = (one: string): string => one.replace(/^W\//, '')
  return (header?.match(/(?:W\/)?"[^"]*"/g) ?? []).some(one => opaque(one) === opaque(tag))
}
