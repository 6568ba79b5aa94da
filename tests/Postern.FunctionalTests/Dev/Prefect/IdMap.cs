using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Postern.FunctionalTests.Dev.Prefect;

/// <summary>Which id of the embedded server stands for which recorded one, learnt from pairs of answers.</summary>
internal sealed partial class IdMap
{
    private readonly Dictionary<string, string> _ours = new(StringComparer.OrdinalIgnoreCase);

    /// <summary>A recorded text with our ids in the place of the recorded ones.</summary>
    public string Ours(string recorded) => Id().Replace(recorded, match => _ours.GetValueOrDefault(match.Value, match.Value));

    public byte[] Ours(byte[] recorded) => Encoding.UTF8.GetBytes(Ours(Encoding.UTF8.GetString(recorded)));

    public void Learn(JsonNode? recorded, JsonNode? ours)
    {
        switch (recorded, ours)
        {
            case (JsonObject one, JsonObject other):
                foreach (var (name, value) in one)
                {
                    Learn(value, other[name]);
                }

                break;
            case (JsonArray one, JsonArray other):
                foreach (var (each, same) in one.Zip(other))
                {
                    Learn(each, same);
                }

                break;
            case (JsonValue one, JsonValue other) when IsId(one) && IsId(other):
                _ours[one.ToString()] = other.ToString();
                break;
        }
    }

    public static bool IsId(JsonNode? value) => value is JsonValue && Id().IsMatch(value.ToString()) && value.ToString().Length == 36;

    [GeneratedRegex("[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")]
    private static partial Regex Id();
}
