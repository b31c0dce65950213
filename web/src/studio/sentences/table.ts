// All English sentences with their Korean; tests/studio/test_sentences.py holds them to what Foveal says.
import notices from '../../shared/sentences/notices.json'
import design from './design.json'
import exports from './exports.json'
import findings from './findings.json'
import images from './images.json'
import network from '../../shared/sentences/network.json'
import pieces from '../../shared/sentences/pieces.json'
import recipe from './recipe.json'
import requests from './requests.json'
import tables from './tables.json'
import tasks from './tasks.json'
import training from './training.json'
import yaml from './yaml.json'

export const table: Readonly<Record<string, string>> = {
  ...requests,
  ...design,
  ...recipe,
  ...findings,
  ...images,
  ...network,
  ...tables,
  ...yaml,
  ...training,
  ...notices,
  ...exports,
  ...tasks,
  ...pieces, // those that match most come last
}
