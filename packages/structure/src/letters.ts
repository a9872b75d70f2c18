/** How a sequence is written once it is read: models and folding engines know RNA in upper case. */

/**
 * Upper case with U for T. Letters are ASCII, or the readers would have refused them.
 *
 *     standardLetters('ggcat') // 'GGCAU'
 */
export const standardLetters = (sequence: string): string => sequence.toUpperCase().replaceAll('T', 'U');
